// Starts the server and stops it; the application itself is in app.js.
import { app } from "./app.js";

const port = process.env.PORT ?? 3000;

const server = app.listen(port, (error) => {
  if (error) throw error;
  console.log(`Listening on http://localhost:${port}`);
});

// Asked to stop, answer the requests that are being worked on, take no new ones, and end.
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => server.close(() => process.exit()));
}
