//! Ollama's own `/api/chat`, `/api/generate` and `/api/embed`: one document, or for a stream one after another.
//!
//! The last one has the usage. It leaves the input out where all of the prompt was cached.

use super::{Dialect, LastEvent, Payload, value};
use crate::usage::json::Field;
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
    watch: &[],
    reporting: &[],
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
    fn a_streams_last_line_has_the_usage_wherever_it_is_cut() {
        for piece in 1..STREAM.len() {
            let report = read(STREAM, piece);
            assert_eq!(report.incomplete, None, "{piece}");
            assert_eq!(report.tokens.input, Some(26));
            assert_eq!(report.tokens.output, Some(298));
            assert_eq!(report.model.as_deref(), Some("llama3.2"));
            assert_eq!(report.finish_reason.as_deref(), Some("stop"));
        }
    }

    #[test]
    fn a_stream_without_its_last_line_is_incomplete() {
        let end = STREAM.trim_end().rfind('\n').unwrap();
        let report = read(STREAM.get(..end).unwrap(), 64);
        assert_eq!(report.incomplete, Some(IncompleteReason::NotReported));
        assert_eq!(report.tokens.output, None);
    }

    #[test]
    fn an_embedding_has_input_alone() {
        let report = read(
            r#"{"model":"all-minilm","embeddings":[[0.1,-0.2]],"total_duration":1,"prompt_eval_count":8}"#,
            64,
        );
        assert_eq!(report.tokens.input, Some(8));
        assert_eq!(report.incomplete, None);
    }
}
