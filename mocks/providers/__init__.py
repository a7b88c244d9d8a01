"""Mock LLM providers: their wire formats, streams and errors, with generated content."""

from .anthropic import Anthropic
from .bedrock import Bedrock
from .bedrock_mantle import BedrockMantle
from .google import Google
from .openai import OpenAI
from .recorder import RecordedRequest

__all__ = ["Anthropic", "Bedrock", "BedrockMantle", "Google", "OpenAI", "RecordedRequest"]
