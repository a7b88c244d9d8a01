// Uploads a body over HTTP/2 that is refused at its head, and prints what the client sees of the answer.
//
// In the environment: ORIGIN, TARGET, TOKEN, SIZE; SESSION_MEMORY, Node's limit for a session in MB (its default is 10).

import http2 from "node:http2";

const env = process.env;
const PATIENCE_MS = 3000;
const seen = { status: null, body: "", error: null };

function done() {
  console.log(JSON.stringify(seen));
  process.exit(0);
}

const session = http2.connect(env.ORIGIN, { maxSessionMemory: Number(env.SESSION_MEMORY) });
const headers = { ":method": "POST", ":path": env.TARGET, authorization: `Bearer ${env.TOKEN}` };
const stream = session.request({ ...headers, "content-type": "application/json" });
stream.on("response", (answer) => (seen.status = answer[":status"]));
stream.on("data", (chunk) => (seen.body += chunk));
stream.on("error", (error) => (seen.error = error.code));
stream.on("close", done);
setTimeout(done, PATIENCE_MS);
stream.end(Buffer.alloc(Number(env.SIZE), " "));
