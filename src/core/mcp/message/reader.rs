//! Receives the members of the messages from the scanner, and decides about each message as soon as
//! it is known what it asks for.

use super::{Expected, MAX_BATCH, MessageFault, RequestId, Summary};
use crate::json::{Container, Interest, Scalar, Visitor, as_leniently_read};
use crate::mcp::access::{Access, Denial, Subject};
use crate::mcp::method::{Method, SubjectPlace};

/// A member that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    Method,
    Id,
    Params,
    Name,
    Uri,
    Reference,
    ReferenceType,
    ReferenceName,
    ReferenceUri,
    Notifications,
    Subscriptions,
}

/// The members that are read of a message, of its `params`, of their `ref` and `notifications`.
const MESSAGE: &[(&str, Field)] = &[
    ("method", Field::Method),
    ("id", Field::Id),
    ("params", Field::Params),
];
const PARAMS: &[(&str, Field)] = &[
    ("name", Field::Name),
    ("uri", Field::Uri),
    ("ref", Field::Reference),
    ("notifications", Field::Notifications),
];
const REFERENCE: &[(&str, Field)] = &[
    ("type", Field::ReferenceType),
    ("name", Field::ReferenceName),
    ("uri", Field::ReferenceUri),
];
const NOTIFICATIONS: &[(&str, Field)] = &[("resourceSubscriptions", Field::Subscriptions)];

/// An object that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Message,
    Params,
    Reference,
    Notifications,
}

pub(super) struct Reader {
    access: Access,
    expected: Expected,
    place: Place,
    message: Message,
    /// What the first message was about, once the second one begins.
    first: Option<Summary>,
    count: usize,
    ids: Vec<RequestId>,
    asks_for_list: bool,
    fault: Option<MessageFault>,
    denial: Option<Denial>,
}

/// The current message.
#[derive(Default)]
struct Message {
    method: Option<String>,
    id: Option<RequestId>,
    name: Option<String>,
    uri: Option<String>,
    reference: Reference,
    /// The resources that a subscription names, of which the caller may not use one.
    denied_subscription: Option<Denial>,
    /// The members that were read, one bit for each.
    seen: u16,
    has_params_ended: bool,
    has_reference_ended: bool,
    is_decided: bool,
}

#[derive(Default)]
struct Reference {
    kind: Option<String>,
    name: Option<String>,
    uri: Option<String>,
}

impl Reader {
    pub(super) fn new(access: Access, expected: Expected) -> Self {
        Self {
            access,
            expected,
            place: Place::Message,
            message: Message::default(),
            first: None,
            count: 0,
            ids: Vec::new(),
            asks_for_list: false,
            fault: None,
            denial: None,
        }
    }

    pub(super) fn summary(&self) -> Summary {
        self.first.clone().unwrap_or_else(|| self.message.summary())
    }

    pub(super) const fn fault(&self) -> Option<&MessageFault> {
        self.fault.as_ref()
    }

    pub(super) const fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }

    pub(super) const fn has_decided(&self) -> bool {
        self.message.is_decided
    }

    /// Whether there was no message.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) const fn asks_for_list(&self) -> bool {
        self.asks_for_list
    }

    pub(super) const fn id(&self) -> Option<&RequestId> {
        self.message.id.as_ref()
    }

    pub(super) fn ids(&self) -> &[RequestId] {
        &self.ids
    }

    fn refuse(&mut self, fault: MessageFault) {
        self.fault.get_or_insert(fault);
    }

    /// Decides about the message if enough of it is known.
    fn decide(&mut self) {
        let message = &self.message;
        let Some(method) = message.method.as_deref() else {
            return;
        };
        if message.is_decided {
            return;
        }
        let place = Method::named(method).map_or(SubjectPlace::None, |method| method.subject);
        let has_ended = message.has_params_ended;
        let named = |name: &'_ Option<String>| match name {
            Some(_) => Some(()),
            None => has_ended.then_some(()),
        };
        let is_known = match place {
            SubjectPlace::None | SubjectPlace::EveryTool => true,
            SubjectPlace::ToolName | SubjectPlace::PromptName => named(&message.name).is_some(),
            SubjectPlace::Uri => named(&message.uri).is_some(),
            SubjectPlace::Reference => message.has_reference_ended || has_ended,
            SubjectPlace::Subscriptions => has_ended,
        };
        if !is_known {
            return;
        }
        let subject = message.subject(place);
        if let Some(fault) = self.expected.mismatch(method, place, subject) {
            return self.refuse(fault);
        }
        let mut result = self.access.check(method, subject);
        if place == SubjectPlace::Subscriptions
            && result.is_ok()
            && let Some(denial) = &message.denied_subscription
        {
            result = Err(denial.clone());
        }
        if let Some(list) = Method::named(method).and_then(|method| method.listed()) {
            self.asks_for_list |= self.access.filters(list);
        }
        self.message.is_decided = true;
        if let Err(denial) = result {
            self.denial.get_or_insert(denial);
        }
    }

    /// The members that are read of the current object.
    const fn members(&self) -> &'static [(&'static str, Field)] {
        match self.place {
            Place::Message => MESSAGE,
            Place::Params => PARAMS,
            Place::Reference => REFERENCE,
            Place::Notifications => NOTIFICATIONS,
        }
    }
}

impl Visitor<Field> for Reader {
    fn begin(&mut self) {
        if self.count > 0 {
            let summary = self.message.summary();
            self.first.get_or_insert(summary);
        }
        self.count += 1;
        if self.count > MAX_BATCH {
            self.refuse(MessageFault::BatchTooLong);
        }
        self.message = Message::default();
        self.place = Place::Message;
    }

    fn member(&mut self, _level: u32, name: &str) -> Interest<Field> {
        let seen = as_leniently_read(name);
        let mut members = self.members().iter();
        let Some((known, field)) = members
            .find(|(known, _)| seen.eq_ignore_ascii_case(known))
            .copied()
        else {
            return Interest::Ignore;
        };
        let bit = 1 << field as u16;
        if name != known || self.message.seen & bit != 0 {
            self.refuse(MessageFault::Ambiguous(known.to_owned()));
        }
        self.message.seen |= bit;
        Interest::Value(field)
    }

    fn value(&mut self, field: Field, value: Scalar<'_>) {
        let message = &mut self.message;
        let text = match value {
            Scalar::Text(text) => Some(text.to_owned()),
            Scalar::Number(_) | Scalar::Other => None,
        };
        match field {
            Field::Method if text.is_none() => self.refuse(MessageFault::MethodInvalid),
            Field::Method => message.method = text,
            Field::Id => {
                message.id = match value {
                    Scalar::Text(text) => Some(RequestId::Text(text.to_owned())),
                    Scalar::Number(number) => {
                        let number = String::from_utf8_lossy(number);
                        Some(RequestId::Number(number.into_owned()))
                    }
                    Scalar::Other => None,
                };
                self.ids.extend(message.id.clone());
            }
            Field::Name => message.name = text,
            Field::Uri => message.uri = text,
            Field::ReferenceType => message.reference.kind = text,
            Field::ReferenceName => message.reference.name = text,
            Field::ReferenceUri => message.reference.uri = text,
            Field::Subscriptions => {
                let subject = text.as_deref().map_or(Subject::Missing, Subject::Named);
                if let Err(denial) = self.access.check("subscriptions/listen", subject) {
                    message.denied_subscription.get_or_insert(denial);
                }
            }
            // They are no objects, so nothing in them is known.
            Field::Params | Field::Reference | Field::Notifications => {}
        }
        self.decide();
    }

    fn enter(&mut self, field: Field, container: Container) -> bool {
        let place = match (field, container) {
            (Field::Params, Container::Object) => Place::Params,
            (Field::Reference, Container::Object) => Place::Reference,
            (Field::Notifications, Container::Object) => Place::Notifications,
            (Field::Subscriptions, Container::Array) => return true,
            _ => return false,
        };
        self.place = place;
        true
    }

    fn leave(&mut self) {
        match self.place {
            Place::Message | Place::Params => self.message.has_params_ended = true,
            Place::Reference => self.message.has_reference_ended = true,
            Place::Notifications => {}
        }
        let has_ended = self.place == Place::Message;
        self.place = match self.place {
            Place::Message | Place::Params => Place::Message,
            Place::Reference | Place::Notifications => Place::Params,
        };
        self.decide();
        if has_ended && !self.message.is_decided && self.fault.is_none() {
            // An answer to the server has no method.
            if self.expected.method.is_some() {
                self.refuse(MessageFault::Mismatch("mcp-method"));
            }
            self.message.is_decided = true;
        }
    }
}

impl Message {
    fn summary(&self) -> Summary {
        Summary {
            method: self.method.clone(),
            name: self.name.clone().or_else(|| self.uri.clone()),
        }
    }

    /// What a method with its subject in this place is about.
    fn subject(&self, place: SubjectPlace) -> Subject<'_> {
        let named = |name: &'_ Option<String>| name.is_some();
        match place {
            SubjectPlace::None | SubjectPlace::EveryTool => Subject::None,
            SubjectPlace::ToolName | SubjectPlace::PromptName => self
                .name
                .as_deref()
                .map_or(Subject::Missing, Subject::Named),
            SubjectPlace::Uri => self.uri.as_deref().map_or(Subject::Missing, Subject::Named),
            SubjectPlace::Reference => {
                let Reference { kind, name, uri } = &self.reference;
                match (kind.as_deref(), name, uri) {
                    (Some("ref/prompt"), Some(name), None) => Subject::Prompt(name),
                    (Some("ref/resource"), None, Some(uri)) => Subject::Template(uri),
                    // A prompt may have a title, but no reference has a name and a URI.
                    _ => Subject::Missing,
                }
            }
            SubjectPlace::Subscriptions if named(&self.method) => Subject::None,
            SubjectPlace::Subscriptions => Subject::Missing,
        }
    }
}

impl Expected {
    /// The header that says something else than a message.
    fn mismatch(
        &self,
        method: &str,
        place: SubjectPlace,
        subject: Subject<'_>,
    ) -> Option<MessageFault> {
        if self.method.as_deref().is_some_and(|it| it != method) {
            return Some(MessageFault::Mismatch("mcp-method"));
        }
        let is_named = matches!(
            place,
            SubjectPlace::ToolName | SubjectPlace::PromptName | SubjectPlace::Uri
        );
        let name = match subject {
            Subject::Named(name) => Some(name),
            _ => None,
        };
        (is_named && self.name.is_some() && self.name.as_deref() != name)
            .then_some(MessageFault::Mismatch("mcp-name"))
    }
}
