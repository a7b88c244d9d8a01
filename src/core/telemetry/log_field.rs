//! The fields of the access log. Only those that are wanted are set, since each costs a host call.

/// A field of the access log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(
    missing_docs,
    reason = "LogField::name has the names of the conventions"
)]
pub enum LogField {
    Provider,
    System,
    Operation,
    Subject,
    Issuer,
    Claims,
    Conversation,
    RequestModel,
    ResponseModel,
    ResponseId,
    FinishReasons,
    InputTokens,
    OutputTokens,
    CacheReadTokens,
    CacheWriteTokens,
    ReasoningTokens,
    Cost,
    CostIncomplete,
    ReportedCost,
    TimeToFirstToken,
    TimePerOutputToken,
    UsageIncomplete,
    McpServer,
    McpMethod,
    McpTool,
    McpVersion,
    RpcErrorCode,
    ErrorType,
}

/// The fields that are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogFields(u32);

impl LogField {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Provider,
        Self::System,
        Self::Operation,
        Self::Subject,
        Self::Issuer,
        Self::Claims,
        Self::Conversation,
        Self::RequestModel,
        Self::ResponseModel,
        Self::ResponseId,
        Self::FinishReasons,
        Self::InputTokens,
        Self::OutputTokens,
        Self::CacheReadTokens,
        Self::CacheWriteTokens,
        Self::ReasoningTokens,
        Self::Cost,
        Self::CostIncomplete,
        Self::ReportedCost,
        Self::TimeToFirstToken,
        Self::TimePerOutputToken,
        Self::UsageIncomplete,
        Self::McpServer,
        Self::McpMethod,
        Self::McpTool,
        Self::McpVersion,
        Self::RpcErrorCode,
        Self::ErrorType,
    ];

    /// The name in the host's access log format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "ai_gateway.provider",
            Self::System => "gen_ai.provider.name",
            Self::Operation => "gen_ai.operation.name",
            Self::Subject => "enduser.id",
            Self::Issuer => "ai_gateway.issuer",
            Self::Claims => "ai_gateway.claims",
            Self::Conversation => "gen_ai.conversation.id",
            Self::RequestModel => "gen_ai.request.model",
            Self::ResponseModel => "gen_ai.response.model",
            Self::ResponseId => "gen_ai.response.id",
            Self::FinishReasons => "gen_ai.response.finish_reasons",
            Self::InputTokens => "gen_ai.usage.input_tokens",
            Self::OutputTokens => "gen_ai.usage.output_tokens",
            Self::CacheReadTokens => "gen_ai.usage.cache_read.input_tokens",
            Self::CacheWriteTokens => "gen_ai.usage.cache_creation.input_tokens",
            Self::ReasoningTokens => "gen_ai.usage.reasoning.output_tokens",
            Self::Cost => "gen_ai.cost",
            Self::CostIncomplete => "ai_gateway.cost.incomplete",
            Self::ReportedCost => "gen_ai.cost.reported",
            Self::TimePerOutputToken => "gen_ai.server.time_per_output_token_ms",
            Self::TimeToFirstToken => "gen_ai.server.time_to_first_token_ms",
            Self::UsageIncomplete => "ai_gateway.usage.incomplete",
            Self::McpServer => "ai_gateway.mcp_server",
            Self::McpMethod => "mcp.method.name",
            Self::McpTool => "gen_ai.tool.name",
            Self::McpVersion => "mcp.protocol.version",
            Self::RpcErrorCode => "rpc.response.status_code",
            Self::ErrorType => "error.type",
        }
    }

    /// The field with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

impl LogFields {
    /// All fields.
    pub const ALL: Self = Self(u32::MAX);

    /// Whether this one is wanted.
    pub const fn contains(self, field: LogField) -> bool {
        self.0 & 1 << field as u8 != 0
    }

    /// Whether none is wanted.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<LogField> for LogFields {
    fn from_iter<I: IntoIterator<Item = LogField>>(fields: I) -> Self {
        let bits = fields.into_iter().map(|field| 1 << field as u8);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}
