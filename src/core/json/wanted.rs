//! What a scanner looks for, and what it reports.

use super::nesting::Container;

/// A wanted member of an object.
#[derive(Debug)]
pub struct Member<F: 'static> {
    /// The name.
    pub name: &'static str,
    /// What is wanted of its value.
    pub wanted: Wanted<F>,
}

/// What is wanted of a value. An array stands for its elements.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<F: 'static> {
    /// The value itself, reported as this field.
    Value(F),
    /// These members of it.
    Members(&'static [Member<F>]),
    /// The value itself, or these members of it. If the value is an object, the field is reported
    /// at its beginning, as [`Scalar::Other`].
    ValueOrMembers(F, &'static [Member<F>]),
}

/// A wanted value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scalar<'a> {
    /// A string without its escapes. Never empty.
    Text(&'a str),
    /// A number, as written.
    Number(&'a [u8]),
    /// Any other value.
    ///
    /// [`Lenient`](super::Lenient) does not report `null`, `false`, empty strings and empty arrays.
    /// [`Strict`](super::Strict) reports everything that is not a string as this, at its first byte.
    /// [`Messages`](super::Messages) does so with everything that is neither a string nor a number.
    Other,
}

/// What [`Strict`](super::Strict) does with the value of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest<F> {
    /// It checks the grammar, and reports nothing.
    Ignore,
    /// It reports the names of all members inside the value.
    Members,
    /// It reports the value itself as this field, and nothing inside it.
    Value(F),
    /// It reports the value, or all elements of arrays inside it, as this field, and the names of
    /// all members inside it. It does not report `null` or the array itself.
    Values(F),
}

/// Receives what a scanner finds. A closure is a visitor without [`Self::member`].
pub trait Visitor<F> {
    /// Receives a wanted value.
    fn value(&mut self, field: F, value: Scalar<'_>);

    /// Receives the name of each member that is of interest, and how many containers are open
    /// around it: 1 for a member of the document.
    ///
    /// [`Lenient`](super::Lenient) does not call this. It uses a table. Containers that the visitor
    /// has entered are not counted.
    fn member(&mut self, level: u32, name: &str) -> Interest<F> {
        let _ = (level, name);
        Interest::Ignore
    }

    /// Receives the beginning of the document, or of an object in the array that is the document.
    ///
    /// Like [`Self::enter`] and [`Self::leave`], only the policies that check everything call this.
    fn begin(&mut self) {}

    /// Receives the beginning of a container that is a wanted value. Returns whether its content is
    /// wanted: of an object the members, which [`Self::member`] is then asked about, of an array the
    /// elements, which are reported as this field. If not, the container is reported as
    /// [`Scalar::Other`].
    fn enter(&mut self, field: F, container: Container) -> bool {
        let _ = (field, container);
        false
    }

    /// Receives the end of the object that was begun or entered last.
    fn leave(&mut self) {}
}

impl<F, C: FnMut(F, Scalar<'_>)> Visitor<F> for C {
    fn value(&mut self, field: F, value: Scalar<'_>) {
        self(field, value);
    }
}

/// A member whose value is wanted.
pub const fn value<F: Copy>(name: &'static str, field: F) -> Member<F> {
    Member {
        name,
        wanted: Wanted::Value(field),
    }
}

/// A member whose value is wanted, or has wanted members.
pub const fn value_or_members<F: Copy>(
    name: &'static str,
    field: F,
    members: &'static [Member<F>],
) -> Member<F> {
    Member {
        name,
        wanted: Wanted::ValueOrMembers(field, members),
    }
}

/// A member whose value has wanted members.
pub const fn members<F: Copy>(name: &'static str, members: &'static [Member<F>]) -> Member<F> {
    Member {
        name,
        wanted: Wanted::Members(members),
    }
}
