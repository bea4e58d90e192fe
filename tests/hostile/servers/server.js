// A correct server for hostile-echo, for start commands that call Node.js.
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const file = path.join(process.env.DATA_DIR, "count");

const server = http.createServer((request, response) => {
  const answer = (status, value) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(value));
  };
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    if (request.url === "/health") answer(200, { status: "ok" });
    else if (request.url === "/echo") answer(200, JSON.parse(Buffer.concat(chunks)));
    else if (request.url === "/count") {
      const count = fs.existsSync(file) ? Number(fs.readFileSync(file)) + 1 : 1;
      fs.writeFileSync(file, String(count));
      answer(200, { count });
    } else answer(404, { error: "no such route" });
  });
});

server.listen(process.env.PORT, "127.0.0.1");
