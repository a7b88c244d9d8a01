// Calls LLM providers by their own SDKs. Each line of the input is a call, in JSON; each line of the output what became
// of one: {"id", "answer"}, {"id", "pieces"} of a stream, or {"id", "error"}.
//
// A call: `id`; `client`, a module of clients/; `operation`, one of its functions; `url` and `token`; `headers` to send
// along; `abortAfter`, the number of pieces after which a stream is given up; whatever else the function looks at.

import { createInterface } from "node:readline";

const FROM_COMMAND_LINE = process.argv.slice(2);

const clients = Object.fromEntries(
  await Promise.all(FROM_COMMAND_LINE.map(async (name) => [name, await import(`./clients/${name}.mjs`)])),
);

async function outcome(call) {
  const abort = new AbortController();
  const answer = await clients[call.client][call.operation]({ headers: {}, signal: abort.signal, ...call });
  if (typeof answer === "string") return { answer };
  const pieces = [];
  for await (const piece of answer) {
    pieces.push(piece);
    if (pieces.length === call.abortAfter) {
      abort.abort();
      break;
    }
  }
  return { pieces };
}

function described(error) {
  return {
    // Some SDKs name the class only, some the instance only.
    name: error.name === "Error" ? error.constructor.name : error.name,
    status: error.status ?? error.statusCode ?? error.$metadata?.httpStatusCode ?? null,
    // Vercel's provider for Google takes its message from Google's own shape only, else from the status.
    message: error.responseBody ? `${error.message}: ${error.responseBody}` : error.message,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  const answer = (result) => console.log(JSON.stringify({ id: call.id, ...result }));
  outcome(call).then(answer, (error) => answer({ error: described(error) }));
}
