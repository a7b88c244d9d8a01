"""The real SDKs with every endpoint of the mocks, which accept only the provider's own key."""

import asyncio
import io

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

from support.client import MESSAGES, PROMPT, QUOTED, google_client


@pytest.fixture(params=["", "/v1"], ids=["proxy_url", "proxy_url/v1"])
def openai(request, proxy_url, token):
    """The SDK with each of the base URLs that users configure."""
    return OpenAI(base_url=proxy_url("my-openai") + request.param, api_key=token)


@pytest.fixture(params=["auth_token", "api_key"])
def anthropic(request, proxy_url, token):
    """The SDK with the token in each of its parameters."""
    return Anthropic(base_url=proxy_url("my-anthropic"), **{request.param: token})


@pytest.fixture(params=[None, "v1", "v1beta"])
def google(request, proxy_url, token):
    """The SDK with its default API version and with a chosen one."""
    version = {"api_version": request.param} if request.param else {}
    return google_client(proxy_url("my-google"), token, **version)


def test_openai_chat(openai):
    completion = openai.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert completion.choices[0].message.content.endswith(QUOTED)


def test_openai_chat_streamed(openai):
    stream = openai.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).endswith(QUOTED)
    assert chunks[-1].usage.completion_tokens > 0


def test_openai_responses(openai):
    assert openai.responses.create(model="gpt-4o", input=PROMPT).output_text.endswith(QUOTED)


def test_openai_responses_streamed(openai):
    with openai.responses.stream(model="gpt-4o", input=PROMPT) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert len(deltas) > 1
        assert "".join(deltas) == stream.get_final_response().output_text


def test_openai_embeddings(openai):
    created = openai.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=4)
    assert [len(item.embedding) for item in created.data] == [4, 4]


def test_openai_models(openai):
    assert "gpt-4o" in [model.id for model in openai.models.list()]
    assert openai.models.retrieve("gpt-4o").id == "gpt-4o"


def test_openai_file_upload(openai):
    uploaded = openai.files.create(file=("notes.jsonl", io.BytesIO(b'{"a":1}\n')), purpose="batch")
    assert (uploaded.filename, uploaded.bytes) == ("notes.jsonl", 8)


def test_openai_async(proxy_url, token):
    async def chat():
        async with AsyncOpenAI(base_url=proxy_url("my-openai"), api_key=token) as client:
            return await asyncio.gather(
                *(client.chat.completions.create(model="gpt-4o", messages=MESSAGES) for _ in range(8))
            )

    assert all(answer.choices[0].message.content.endswith(QUOTED) for answer in asyncio.run(chat()))


def test_openai_compatible(proxy_url, token):
    client = OpenAI(base_url=proxy_url("my-vllm"), api_key=token)
    model = client.models.list().data[0].id
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    assert (answer.model, answer.choices[0].message.content.endswith(QUOTED)) == (model, True)
    assert client.models.retrieve(model).id == "meta-llama/Llama-3.3-70B-Instruct"


def test_anthropic_messages(anthropic):
    message = anthropic.messages.create(model="claude-sonnet-4-6", max_tokens=64, messages=MESSAGES)
    assert message.content[0].text.endswith(QUOTED)


def test_anthropic_messages_streamed(anthropic):
    with anthropic.messages.stream(model="claude-sonnet-4-6", max_tokens=64, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream).endswith(QUOTED)
        assert stream.get_final_message().usage.output_tokens > 0


def test_anthropic_token_count(anthropic):
    assert anthropic.messages.count_tokens(model="claude-sonnet-4-6", messages=MESSAGES).input_tokens == 4


def test_anthropic_models(anthropic):
    assert "claude-sonnet-4-6" in [model.id for model in anthropic.models.list()]


def test_anthropic_async(proxy_url, token):
    async def ask():
        async with AsyncAnthropic(base_url=proxy_url("my-anthropic"), auth_token=token) as client:
            return await client.messages.create(model="claude-sonnet-4-6", max_tokens=64, messages=MESSAGES)

    assert asyncio.run(ask()).content[0].text.endswith(QUOTED)


def test_google_content(google):
    assert google.models.generate_content(model="gemini-2.0-flash", contents=PROMPT).text.endswith(QUOTED)


def test_google_content_streamed(google):
    chunks = list(google.models.generate_content_stream(model="gemini-2.0-flash", contents=PROMPT))
    assert "".join(chunk.text or "" for chunk in chunks).endswith(QUOTED)
    assert chunks[-1].usage_metadata.candidates_token_count > 0


def test_google_token_count(google):
    assert google.models.count_tokens(model="gemini-2.0-flash", contents=PROMPT).total_tokens == 4


def test_google_embeddings(google):
    embedded = google.models.embed_content(model="gemini-embedding-001", contents=["one", "two"])
    assert [len(embedding.values) for embedding in embedded.embeddings] == [8, 8]


def test_google_models(google):
    assert "models/gemini-2.0-flash" in [model.name for model in google.models.list()]


def test_google_async(proxy_url, token):
    async def ask():
        client = google_client(proxy_url("my-google"), token)
        return await client.aio.models.generate_content(model="gemini-2.0-flash", contents=PROMPT)

    assert asyncio.run(ask()).text.endswith(QUOTED)


def test_googles_openai_compatible_paths_with_the_openai_sdk(proxy_url, token):
    client = OpenAI(base_url=proxy_url("my-google") + "/v1beta/openai", api_key=token)
    answer = client.chat.completions.create(model="gemini-2.0-flash", messages=MESSAGES)
    assert answer.choices[0].message.content.endswith(QUOTED)
    stream = client.chat.completions.create(model="gemini-2.0-flash", messages=MESSAGES, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream).endswith(QUOTED)
