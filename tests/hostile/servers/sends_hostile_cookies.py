"""Correct, and sets a thousand cookies, some of them for other hosts."""

from echo_server import Handler, serve


class Cookies(Handler):
    def end_headers(self):
        for number in range(90):
            self.send_header("Set-Cookie", f"c{number}={'x' * 400}; Domain=.example.com; Expires=never; Max-Age=1e99")
        self.send_header("Set-Cookie", "=;;;=\xff")
        super().end_headers()


serve(Cookies)
