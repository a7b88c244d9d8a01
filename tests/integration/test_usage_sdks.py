"""The real SDKs, streaming or not: what the gateway logs and counts is what the mocks said to the SDKs."""

import json

import pytest
from anthropic import Anthropic
from openai import OpenAI

from bedrock_support import CONVERSATION, INVOKE, boto3_client, static
from conftest import PREFIX, configuration
from conftest import provider as with_key
from support import MESSAGES, SAID, google_client
from usage_support import TOKEN_FIELDS, assert_counted, flush_often, logged, usage_fields

CLAUDE = {"model": "claude-sonnet-4-6", "max_tokens": 64, "messages": MESSAGES}
GEMINI = {"model": "gemini-2.0-flash", "contents": SAID}
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
    answer = client.responses.create(model="gpt-4o", input=SAID)
    return responses_usage(answer.usage), answer.model, answer.id


def openai_responses_stream(client):
    with client.responses.stream(model="gpt-4o", input=SAID) as stream:
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


ASKS = {
    "openai": [openai_chat, openai_chat_stream, openai_responses, openai_responses_stream, openai_embeddings],
    "anthropic": [anthropic_messages, anthropic_messages_stream],
    "google": [google_content, google_content_stream],
    "bedrock": [bedrock_converse, bedrock_converse_stream, bedrock_invoke, bedrock_invoke_stream],
}
CASES = [(kind, ask) for kind, asks in ASKS.items() for ask in asks]
NAMES = [ask.__name__.replace("_", "-") for _, ask in CASES]


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    """A provider for each question, so that what is counted is its own."""
    aws = {"base_url": world.bedrock.base_url, "credentials": {"static": static(world.aws_credential)}}
    providers = [
        {"name": name, "type": kind, "region": "us-east-1", **aws}
        if kind == "bedrock"
        else with_key(name, kind, getattr(world, kind))
        for (kind, _), name in zip(CASES, NAMES, strict=True)
    ]
    with start_gateway(configuration(world) | {"providers": providers}, edit_bootstrap=flush_often) as gateway:
        yield gateway


def client_of(kind, gateway, name, token):
    """The SDK as its users set it up."""
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


@pytest.mark.parametrize(("kind", "ask"), CASES, ids=NAMES)
def test_what_the_sdk_is_told_is_what_is_counted(kind, ask, gateway, token):
    name = ask.__name__.replace("_", "-")
    tokens, model, response_id = ask(client_of(kind, gateway, name, token))
    assert tokens["input"] > 0
    (entry,) = logged(gateway, name)
    told = usage_fields(entry)
    told.pop("gen_ai.response.finish_reasons", None)
    expected = {TOKEN_FIELDS[token_type]: str(used) for token_type, used in tokens.items()}
    expected |= {"gen_ai.response.model": model} if model else {}
    expected |= {"gen_ai.response.id": response_id} if response_id else {}
    assert told == expected
    assert_counted(gateway, name, 1, tokens)
