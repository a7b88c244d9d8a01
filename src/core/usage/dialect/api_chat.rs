//! Ollama's own `/api/chat`, `/api/generate` and `/api/embed`.
//!
//! A response is one document. A stream is several documents, and the last one has the usage. It
//! omits the input tokens if the whole prompt was cached.

use super::{Dialect, LastEvent, Payload, value};
use crate::usage::field::Field;
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static API_CHAT: Dialect = Dialect {
    name: "api_chat",
    members: &[
        value("model", Field::Model),
        value("done_reason", Field::FinishReason),
        value("prompt_eval_count", Field::Input),
        value("eval_count", Field::Output),
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    markers: &[],
    usage_events: &[],
    last_event: LastEvent::FinishReason,
    payload: Payload::Plain,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::UnixTime;
    use crate::usage::response_usage::{IncompleteReason, ResponseUsage};
    use crate::usage::{End, UsageExtractor};

    const STREAM: &str = concat!(
        r#"{"model":"llama3.2","created_at":"2026-11-23T10:00:00.1Z","message":{"role":"assistant","content":"Hel"},"done":false}"#,
        "\n",
        r#"{"model":"llama3.2","created_at":"2026-11-23T10:00:00.2Z","message":{"role":"assistant","content":"lo"},"done":false}"#,
        "\n",
        r#"{"model":"llama3.2","created_at":"2026-11-23T10:00:00.3Z","message":{"role":"assistant","content":""},"#,
        r#""done":true,"done_reason":"stop","total_duration":883583458,"prompt_eval_count":26,"eval_count":298}"#,
        "\n",
    );

    fn read(body: &str, piece: usize) -> ResponseUsage {
        let mut extractor = UsageExtractor::new(&API_CHAT, b"application/x-ndjson", b"");
        for cut in body.as_bytes().chunks(piece) {
            extractor.push(cut, &UnixTime::default());
        }
        extractor.finish(End::Complete)
    }

    #[test]
    fn usage_is_read_from_the_last_line_wherever_the_stream_is_cut() {
        for piece in 1..STREAM.len() {
            let usage = read(STREAM, piece);
            assert_eq!(usage.incomplete, None, "{piece}");
            assert_eq!(usage.tokens.input, Some(26));
            assert_eq!(usage.tokens.output, Some(298));
            assert_eq!(usage.model.as_deref(), Some("llama3.2"));
            assert_eq!(usage.finish_reason.as_deref(), Some("stop"));
        }
    }

    #[test]
    fn a_stream_without_its_last_line_is_incomplete() {
        let end = STREAM.trim_end().rfind('\n').unwrap();
        let usage = read(STREAM.get(..end).unwrap(), 64);
        assert_eq!(usage.incomplete, Some(IncompleteReason::NotReported));
        assert_eq!(usage.tokens.output, None);
    }

    #[test]
    fn an_embedding_has_input_tokens_only() {
        let usage = read(
            r#"{"model":"all-minilm","embeddings":[[0.1,-0.2]],"total_duration":1,"prompt_eval_count":8}"#,
            64,
        );
        assert_eq!(usage.tokens.input, Some(8));
        assert_eq!(usage.incomplete, None);
    }
}
