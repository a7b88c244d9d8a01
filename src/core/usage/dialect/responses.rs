//! OpenAI's Responses API, and the APIs with the same member names: images, transcriptions,
//! decisions.
//!
//! The last event of a stream contains the whole response, which can be of any length. A background
//! response is queued, and has no usage yet. Transcriptions of Mistral have the names of chat
//! completions. The image tool uses a model of its own, whose tokens are in `tool_usage`.

use super::chat_completions::{COST, COST_TICKS, INPUT_DETAILS, OUTPUT_DETAILS, SEARCHES};
use super::messages::SERVER_TOOL_USE;
use super::{
    Dialect, ERROR, ERROR_MARKER, LastEvent, Marker, Payload, members, value, value_or_members,
};
use crate::usage::field::{Field, Member};
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static RESPONSES: Dialect = Dialect {
    name: "responses",
    members: &[
        value("type", Field::EventType),
        value("delta", Field::Content),
        value("partial_image_b64", Field::Content),
        value("b64_json", Field::Content),
        members("response", RESPONSE),
        members("data", IMAGES),
        value("id", Field::ResponseId),
        value("model", Field::Model),
        value("status", Field::Status),
        value("service_tier", Field::ServiceTier),
        members("incomplete_details", INCOMPLETE),
        members("usage", USAGE),
        OUTPUT,
        TOOLS,
        TOOL_USAGE,
        SVG_USAGE,
        ERROR,
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    markers: &[Marker::Bytes("\"usage\""), ERROR_MARKER],
    usage_events: &[],
    last_event: LastEvent::Types(&[
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
        "image_generation.completed",
        "image_edit.completed",
        "transcript.text.done",
        "speech.audio.done",
    ]),
    payload: Payload::Plain,
};

/// The members of `response` in events.
pub(super) const RESPONSE: &[Member] = &[
    value("id", Field::ResponseId),
    value("model", Field::Model),
    value("status", Field::Status),
    value("service_tier", Field::ServiceTier),
    members("incomplete_details", INCOMPLETE),
    members("usage", USAGE),
    OUTPUT,
    TOOLS,
    TOOL_USAGE,
    ERROR,
];

/// The members of each generated image.
pub(super) const IMAGES: &[Member] = &[value("b64_json", Field::Image), value("url", Field::Image)];

/// What the provider's own tools did.
pub(super) const OUTPUT: Member = members(
    "output",
    &[members("action", &[value("type", Field::ToolAction)])],
);

/// The model of the image tool.
pub(super) const TOOLS: Member = members("tools", &[value("model", Field::ToolModel)]);

/// The usage of the provider's own tools.
pub(super) const TOOL_USAGE: Member = members(
    "tool_usage",
    &[
        members("web_search", &[value("num_requests", Field::Searches)]),
        value_or_members("image_gen", Field::ModelTool, OTHER_MODEL),
    ],
);

/// The usage of the model that turns an image into vectors.
pub(super) const SVG_USAGE: Member = value_or_members("svg_usage", Field::ModelTool, OTHER_MODEL);

const OTHER_MODEL: &[Member] = &[
    value("model", Field::IterationModel),
    value("input_tokens", Field::IterationInput),
    value("output_tokens", Field::IterationOutput),
    members(
        "output_tokens_details",
        &[value("image_tokens", Field::IterationImageOutput)],
    ),
];

const INCOMPLETE: &[Member] = &[value("reason", Field::FinishReason)];

const USAGE: &[Member] = &[
    value("input_tokens", Field::Input),
    value("output_tokens", Field::Output),
    value("prompt_tokens", Field::Input),
    value("completion_tokens", Field::Output),
    value("seconds", Field::AudioSeconds),
    value("prompt_audio_seconds", Field::AudioSeconds),
    COST,
    COST_TICKS,
    SEARCHES,
    SERVER_TOOL_USE,
    members("input_tokens_details", INPUT_DETAILS),
    members("input_token_details", INPUT_DETAILS),
    members("output_tokens_details", OUTPUT_DETAILS),
];
