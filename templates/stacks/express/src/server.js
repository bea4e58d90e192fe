// Starts the server and stops it; the application itself is in app.js.
import { app } from "./app.js";

const port = process.env.PORT ?? 3000;

const server = app.listen(port, (error) => {
  if (error) throw error;
  console.log(`Listening on http://localhost:${port}`);
});

// Asked to stop, take no new requests and finish those at hand, within two seconds.
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    server.close(() => process.exit());
    setTimeout(() => process.exit(), 2000);
  });
}
