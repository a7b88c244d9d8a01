"""The connect page: over HTTP, in a real browser, and each of its snippets executed."""

import os
import subprocess
import sys

import pytest
from aiohttp import web

from mocks.server import BackgroundServer
from mocks.world import AUDIENCE, CLIENT_ID, CLIENT_SECRET
from support.client import BEARER, exchange
from support.gateway_config import PREFIX, configuration
from support.jq import JQ_REPLACEMENT
from support.node import NODE_PACKAGES, node
from tools.gateway import PROJECT

HTML = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
HOSTILE_NAME = "<img src=x onerror=\"document.title='owned'\">"
PHONE = {"width": 360, "height": 740}
KINDS = {
    "my-openai": ("Codex", "Hello from the mock of OpenAI"),
    "my-anthropic": ("Claude Code", "Hello from the mock of Anthropic"),
    "my-google": ("Gemini CLI", "Hello from the mock of"),
    "my-vllm": ("Codex", "Hello from the mock of"),
    "my-bedrock": ("Claude Code", "Hello from the mock of"),
}
# A replacement of the command-line clients, which prints how it was started.
CLIENT = """#!/bin/sh
env | grep -E '^(ANTHROPIC|AWS|CLAUDE|GEMINI|GOOGLE)_' | sort
printf '%s\\n' "$@"
"""


def with_page(world, **changes):
    whole = configuration(world)
    whole["providers"][0] |= {"display_name": HOSTILE_NAME, "models": ["gpt-4o", "gpt-4o-*"]}
    whole["providers"].append(
        {
            "name": "my-bedrock",
            "type": "bedrock",
            "region": "us-east-1",
            "base_url": world.bedrock.base_url,
            "credentials": {"bedrock_api_key": {"value": world.bedrock.api_key}},
        }
    )
    return whole | changes


@pytest.fixture(scope="module")
def public_gateway(world, start_gateway):
    """A gateway that serves the page without authentication."""
    with start_gateway(with_page(world, public_connect_page=True)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def private_gateway(world, start_gateway):
    """A gateway that serves the page only to authenticated callers."""
    with start_gateway(with_page(world)) as gateway:
        yield gateway


def look(gateway, path="", *headers):
    return exchange(gateway, "GET", PREFIX + path, [HTML, *headers])


def test_unauthenticated_clients_get_the_same_page_everywhere(public_gateway, world):
    answers = [
        look(public_gateway, path) for path in ("", "/my-openai", "/no-such-provider", "/my-disabled", "/my-openai/")
    ]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    page = answers[0].body.decode()
    for secret in ("my-openai", "my-vllm", world.openai.api_key, world.openai.base_url, world.identity_provider.issuer):
        assert secret not in page
    assert exchange(public_gateway, "GET", f"{PREFIX}/my-openai").code == "token_missing"


def test_without_the_option_the_page_needs_a_token(private_gateway, world, token):
    assert look(private_gateway).code == "token_missing"
    assert look(private_gateway, "/my-openai").status == 401
    answer = look(private_gateway, "/my-openai", BEARER.filled(token))
    assert (answer.status, answer.header("content-type")) == (200, "text/html; charset=utf-8")
    assert token not in answer.body.decode()
    powerless = world.identity_provider.mint({"permissions": []})
    assert look(private_gateway, "/my-openai", BEARER.filled(powerless)).status == 403
    assert look(private_gateway, "/no-such-provider", BEARER.filled(token)).status == 404


def test_other_clients_get_json(public_gateway, token):
    for accept in ("*/*", "application/json"):
        answer = exchange(public_gateway, "GET", f"{PREFIX}/my-openai", [("accept", accept), BEARER.filled(token)])
        assert answer.json()["name"] == "my-openai"


def test_the_page_contains_nothing_of_the_request_and_loads_nothing(public_gateway):
    plain = look(public_gateway)
    for hostile in ("evil.example", 'a"><script>alert(1)</script>'):
        answer = look(public_gateway, "/x%3Cscript%3E", ("x-forwarded-host", hostile), ("referer", hostile))
        assert answer.body == plain.body
    policy = plain.header("content-security-policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    page = plain.body.decode()
    assert "src=" not in page and "http:" not in page and "//fonts" not in page


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    setup = subprocess.run([PROJECT / "tools/setup-chromium.sh"], capture_output=True, text=True)
    if setup.returncode:
        pytest.skip(setup.stderr.strip())
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = setup.stdout.strip()
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open a page in its own browser context. Any error inside the page fails the test."""
    contexts, errors = [], []

    def open_page(url, **options):
        context = browser.new_context(**options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def sign_in(page, token):
    """Sign in with the keyboard only."""
    page.get_by_label("Gateway token").wait_for()
    assert page.evaluate("document.activeElement.id") == "token"
    page.keyboard.insert_text(token)
    page.keyboard.press("Enter")
    page.get_by_role("table").wait_for()


def snippets(page):
    """The snippets by title."""
    return {box.query_selector("h3").inner_text(): box.query_selector("code").inner_text()
            for box in page.query_selector_all(".snippet")}  # fmt: skip


def test_a_pasted_token_shows_the_provider_and_stays_in_memory(public_gateway, open_page, token, world):
    page = open_page(f"{public_gateway.url}{PREFIX}/my-openai", permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, token)
    assert page.get_by_role("heading", level=1).inner_text() == f"Connect your app to {HOSTILE_NAME}"
    assert page.title() != "owned"
    assert "gpt-4o, gpt-4o-*" in page.inner_text("dl") and "enabled" in page.inner_text("dl")
    shown = snippets(page)
    assert shown["Proxy URL"] == f"{public_gateway.url}{PREFIX}/my-openai"
    assert world.identity_provider.issuer in shown["Token, by client credentials"]
    page.get_by_role("button", name="Copy Proxy URL").click()
    assert page.evaluate("navigator.clipboard.readText()") == shown["Proxy URL"]
    kept = page.evaluate("JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage}])")
    assert token not in kept and token not in page.content()
    page.reload()
    page.get_by_label("Gateway token").wait_for()


def test_navigation_from_the_list_to_a_provider_and_back(public_gateway, open_page, token):
    page = open_page(f"{public_gateway.url}{PREFIX}")
    sign_in(page, token)
    page.get_by_role("link", name="my-anthropic").click()
    page.get_by_role("heading", name="Connect your app to my-anthropic").wait_for()
    assert page.url == f"{public_gateway.url}{PREFIX}/my-anthropic"
    page.go_back()
    page.get_by_role("heading", name="Providers").wait_for()


def test_a_bad_token_is_reported_on_the_page(public_gateway, open_page):
    page = open_page(f"{public_gateway.url}{PREFIX}")
    page.get_by_label("Gateway token").fill("nonsense")
    page.get_by_role("button", name="Show").click()
    page.get_by_text("malformed").wait_for()
    assert page.get_by_label("Gateway token").is_visible()


def test_a_token_added_by_a_filter_in_front_is_used(private_gateway, open_page, token):
    page = open_page(
        f"{private_gateway.url}{PREFIX}/my-google", extra_http_headers={"x-ai-gateway-authorization": token}
    )
    page.get_by_role("table").wait_for()
    assert not page.get_by_label("Gateway token").is_visible()


def test_the_content_security_policy_blocks_inline_scripts(public_gateway, open_page):
    page = open_page(f"{public_gateway.url}{PREFIX}")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.evil = 1'}))")
    assert page.evaluate("window.evil") is None


class HostileProvider(BackgroundServer):
    """A provider that answers with a page whose script registers a service worker for the whole origin."""

    WORKER = "self.addEventListener('fetch', () => {});"
    PAGE = """<!doctype html><title>provider</title><script>
        document.title = "running";
        navigator.serviceWorker.register(location.pathname + "/worker" + location.search, {scope: "/"})
            .then(() => { document.title = "registered"; }, (error) => { document.title = "failed: " + error; });
    </script>"""

    def __init__(self):
        super().__init__(self._application)
        self.requests = 0

    def _application(self):
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", self._answer)])
        return app

    async def _answer(self, request):
        self.requests += 1
        if request.path.endswith("/worker"):
            headers = {"service-worker-allowed": "/"}
            return web.Response(text=self.WORKER, content_type="text/javascript", headers=headers)
        return web.Response(text=self.PAGE, content_type="text/html")


@pytest.fixture(scope="module")
def hostile(world, start_gateway):
    """A hostile provider, and a gateway that serves it."""
    with HostileProvider() as upstream:
        one = {"name": "hostile", "type": "google", "base_url": upstream.url, "api_key": {"value": "k"}}
        document = configuration(world) | {"providers": [one], "public_connect_page": True}
        with start_gateway(document) as gateway:
            yield upstream, gateway


def workers(page):
    """How many service workers the page's origin has."""
    return page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)")


def test_a_provider_without_the_gateway_can_register_a_service_worker(hostile, open_page):
    """The attack works in this browser."""
    upstream, _gateway = hostile
    page = open_page(f"{upstream.url}/v1/page")
    page.wait_for_function("document.title === 'registered'")
    assert workers(page) == 1


def test_a_link_to_a_provider_registers_no_service_worker(hostile, open_page, token):
    upstream, gateway = hostile
    before = upstream.requests
    page = open_page(f"{gateway.url}{PREFIX}/hostile/v1beta/page?key={token}")
    assert "browser_destination_refused" in page.content()
    page.goto(f"{gateway.url}{PREFIX}")
    script = f"{PREFIX}/hostile/v1beta/page/worker?key={token}"
    register = "(url) => navigator.serviceWorker.register(url).then(() => 'registered', (error) => error.name)"
    assert page.evaluate(register, script) == "SecurityError"
    assert workers(page) == 0
    assert upstream.requests == before


def test_a_providers_page_does_not_run_even_if_the_browser_does_not_say_that_it_is_one(hostile, browser, token):
    """As in browsers without `sec-fetch-dest`."""
    upstream, gateway = hostile
    before = upstream.requests

    def without_fetch_metadata(route):
        plain = {name: value for name, value in route.request.headers.items() if not name.startswith("sec-")}
        route.fulfill(response=route.fetch(headers=plain))

    context = browser.new_context()
    page = context.new_page()
    page.route("**/*", without_fetch_metadata)
    page.goto(f"{gateway.url}{PREFIX}/hostile/v1beta/page?key={token}")
    page.wait_for_load_state("networkidle")
    assert upstream.requests == before + 1
    assert page.title() == "provider", "the script has not run"
    context.close()


def test_a_page_can_fetch_a_providers_response(hostile, open_page, token):
    _upstream, gateway = hostile
    page = open_page(f"{gateway.url}{PREFIX}")
    fetch = "([url, token]) => fetch(url, {headers: {'x-goog-api-key': token}}).then((answer) => answer.status)"
    assert page.evaluate(fetch, [f"{PREFIX}/hostile/v1beta/models", token]) == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desk", "phone"])
def test_it_is_readable_light_and_dark_at_any_width(public_gateway, open_page, token, scheme, viewport, tmp_path):
    options = {"color_scheme": scheme} | ({"viewport": viewport} if viewport else {})
    pictures = os.environ.get("PAGE_PICTURES", str(tmp_path))
    size = "phone" if viewport else "desk"
    for path in ("", "/my-anthropic"):
        page = open_page(f"{public_gateway.url}{PREFIX}{path}", **options)
        page.get_by_label("Gateway token").wait_for()
        page.screenshot(path=f"{pictures}/ask-{scheme}-{size}.png")
        sign_in(page, token)
        page.screenshot(path=f"{pictures}/{path.strip('/') or 'list'}-{scheme}-{size}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for name in ("text", "quiet", "accent"):
            assert contrast(page, name) >= 4.5, name


def contrast(page, name):
    """The contrast of a colour with the background, as defined by WCAG 2."""
    return page.evaluate(
        """name => {
            const of = (property) => {
                const text = getComputedStyle(document.documentElement).getPropertyValue(property).trim();
                const whole = text.length === 4 ? text.replace(/[0-9a-f]/g, "$&$&") : text;
                const [r, g, b] = whole.match(/[0-9a-f]{2}/g).map((hex) => parseInt(hex, 16) / 255)
                    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
            };
            const [one, other] = [of("--ground"), of("--" + name)];
            return Math.max(one, other) / Math.min(one, other);
        }""",
        name,
    )


@pytest.mark.parametrize("name", KINDS)
def test_every_snippet_on_the_page_works(public_gateway, open_page, token, name, tmp_path):
    page = open_page(f"{public_gateway.url}{PREFIX}/{name}")
    sign_in(page, token)
    shown = snippets(page)
    client, greeting = KINDS[name]
    assert list(shown) == ["Proxy URL", "Token, by client credentials", "curl", "Python", "Node.js", client]
    proxy_url = shown["Proxy URL"]
    for program in ("claude", "codex", "gemini"):
        write_program(tmp_path / program, CLIENT)
    write_program(tmp_path / "jq", JQ)
    known = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    step = shown["Token, by client credentials"].replace("<client-id>", CLIENT_ID)
    assert f"audience='{AUDIENCE}'" in step
    step = step.replace("<client-secret>", CLIENT_SECRET)
    known["AUTH_TOKEN"] = run(["sh", "-c", step + 'printf %s "$AUTH_TOKEN"'], known)
    assert greeting in run(["sh", "-c", shown["curl"]], known)
    assert greeting in run([sys.executable, "-c", shown["Python"]], known)
    assert greeting in run([node(), "--input-type=module", "--eval", shown["Node.js"]], known, cwd=NODE_PACKAGES)
    output = run(["sh", "-c", shown[client]], known)
    assert proxy_url in output
    assert known["AUTH_TOKEN"] in output or "env_key=AUTH_TOKEN" in output


JQ = JQ_REPLACEMENT.replace('assert sys.argv[1:] == ["-r", ".access_token"]\n', "").replace(
    '["access_token"]', "[sys.argv[2].lstrip('.')]"
)


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)


def run(command, environment, cwd=None):
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout
