// Uploads a body over HTTP/2 in a request that is rejected by its headers, and prints the response that the client gets.
//
// Environment variables: ORIGIN, TARGET, TOKEN, SIZE, and SESSION_MEMORY, Node's memory limit for a session in MB (the
// default is 10).

import http2 from "node:http2";

const env = process.env;
const TIMEOUT_MS = 3000;
const outcome = { status: null, body: "", error: null };

function done() {
  console.log(JSON.stringify(outcome));
  process.exit(0);
}

const session = http2.connect(env.ORIGIN, { maxSessionMemory: Number(env.SESSION_MEMORY) });
const headers = { ":method": "POST", ":path": env.TARGET, authorization: `Bearer ${env.TOKEN}` };
const stream = session.request({ ...headers, "content-type": "application/json" });
stream.on("response", (response) => (outcome.status = response[":status"]));
stream.on("data", (chunk) => (outcome.body += chunk));
stream.on("error", (error) => (outcome.error = error.code));
stream.on("close", done);
setTimeout(done, TIMEOUT_MS);
stream.end(Buffer.alloc(Number(env.SIZE), " "));
