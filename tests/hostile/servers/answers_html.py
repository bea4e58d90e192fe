"""Answers a page where JSON is due."""

from echo_server import Handler, serve


class Page(Handler):
    def echo(self, body):
        page = b"<!DOCTYPE html><title>Error</title><pre>Cannot POST /echo</pre>"
        self.answer_bytes(200, page, Content_Type="text/html")


serve(Page)
