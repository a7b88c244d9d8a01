//! OpenAI's Responses API, and the APIs with the same member names: images, transcriptions,
//! decisions.
//!
//! The last event of a stream contains the whole response, which can be of any length.

use super::{Dialect, LastEvent, Marker, Payload, members, value};
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
        value("id", Field::ResponseId),
        value("model", Field::Model),
        value("status", Field::Status),
        members("incomplete_details", INCOMPLETE),
        members("usage", USAGE),
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    markers: &[Marker::Bytes("\"usage\"")],
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

const RESPONSE: &[Member] = &[
    value("id", Field::ResponseId),
    value("model", Field::Model),
    value("status", Field::Status),
    members("incomplete_details", INCOMPLETE),
    members("usage", USAGE),
];

const INCOMPLETE: &[Member] = &[value("reason", Field::FinishReason)];

const USAGE: &[Member] = &[
    value("input_tokens", Field::Input),
    value("output_tokens", Field::Output),
    value("cost", Field::Cost),
    members(
        "input_tokens_details",
        &[
            value("cached_tokens", Field::CachedRead),
            value("cache_write_tokens", Field::CacheWrite),
        ],
    ),
    members(
        "output_tokens_details",
        &[value("reasoning_tokens", Field::Reasoning)],
    ),
];
