"""One call per generating operation of each Python SDK, with the usage that the SDK reports."""

import json

from anthropic import Anthropic
from openai import OpenAI

from support.bedrock import CONVERSATION, INVOKE, boto3_client
from support.client import MESSAGES, PROMPT, google_client
from support.gateway_config import PREFIX

CLAUDE = {"model": "claude-sonnet-4-6", "max_tokens": 64, "messages": MESSAGES}
GEMINI = {"model": "gemini-2.0-flash", "contents": PROMPT}
NO_DETAILS = {"cached_read": 0, "reasoning": 0}
NO_CACHE = {"cached_read": 0, "cache_write": 0}


def openai_chat(client):
    answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    return chat_usage(answer.usage), answer.model, answer.id


def openai_chat_stream(client):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *_, last = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **options)
    return chat_usage(last.usage), last.model, last.id


def chat_usage(usage):
    return {"input": usage.prompt_tokens, "output": usage.completion_tokens, **NO_DETAILS}


def openai_responses(client):
    answer = client.responses.create(model="gpt-4o", input=PROMPT)
    return responses_usage(answer.usage), answer.model, answer.id


def openai_responses_stream(client):
    with client.responses.stream(model="gpt-4o", input=PROMPT) as stream:
        answer = stream.get_final_response()
    return responses_usage(answer.usage), answer.model, answer.id


def responses_usage(usage):
    return {"input": usage.input_tokens, "output": usage.output_tokens, **NO_DETAILS, **NO_CACHE}


def openai_embeddings(client):
    answer = client.embeddings.create(model="text-embedding-3-small", input=["one", "two words"])
    return {"input": answer.usage.prompt_tokens}, answer.model, None


def anthropic_messages(client):
    answer = client.messages.create(**CLAUDE)
    return messages_usage(answer.usage), answer.model, answer.id


def anthropic_messages_stream(client):
    with client.messages.stream(**CLAUDE) as stream:
        answer = stream.get_final_message()
    return messages_usage(answer.usage), answer.model, answer.id


def messages_usage(usage):
    return {"input": usage.input_tokens, "output": usage.output_tokens, **NO_CACHE}


def google_content(client):
    return google_usage(client.models.generate_content(**GEMINI))


def google_content_stream(client):
    *_, last = client.models.generate_content_stream(**GEMINI)
    return google_usage(last)


def google_usage(answer):
    usage = answer.usage_metadata
    tokens = {"input": usage.prompt_token_count, "output": usage.candidates_token_count}
    return tokens, answer.model_version, answer.response_id


def bedrock_converse(client):
    return converse_usage(client.converse(modelId="m", messages=CONVERSATION)["usage"])


def bedrock_converse_stream(client):
    *_, last = client.converse_stream(modelId="m", messages=CONVERSATION)["stream"]
    return converse_usage(last["metadata"]["usage"])


def converse_usage(usage):
    return {"input": usage["inputTokens"], "output": usage["outputTokens"]}, None, None


def bedrock_invoke(client):
    answer = json.loads(client.invoke_model(modelId="m", body=INVOKE)["body"].read())
    usage = answer["usage"]
    return {"input": usage["input_tokens"], "output": usage["output_tokens"], **NO_CACHE}, answer["model"], answer["id"]


def bedrock_invoke_stream(client):
    stream = client.invoke_model_with_response_stream(modelId="m", body=INVOKE)["body"]
    first, *_, last = [json.loads(event["chunk"]["bytes"]) for event in stream]
    counts = last["amazon-bedrock-invocationMetrics"]
    tokens = {"input": counts["inputTokenCount"], "output": counts["outputTokenCount"], **NO_CACHE}
    return tokens, first["message"]["model"], first["message"]["id"]


CALLS = {
    "openai": [openai_chat, openai_chat_stream, openai_responses, openai_responses_stream, openai_embeddings],
    "anthropic": [anthropic_messages, anthropic_messages_stream],
    "google": [google_content, google_content_stream],
    "bedrock": [bedrock_converse, bedrock_converse_stream, bedrock_invoke, bedrock_invoke_stream],
}


def client_of(kind, gateway, name, token):
    """The SDK, set up as users do."""
    url = f"{gateway.url}{PREFIX}/{name}"
    match kind:
        case "openai":
            return OpenAI(base_url=url, api_key=token)
        case "anthropic":
            return Anthropic(base_url=url, auth_token=token)
        case "google":
            return google_client(url, token)
    keys = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": "none", "aws_session_token": token}
    return boto3_client(gateway.url, provider=name, **keys)
