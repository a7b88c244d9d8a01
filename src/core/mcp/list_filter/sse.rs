//! Filters a stream of server-sent events. An event is held until it is complete. What is not
//! changed passes byte for byte, with its comments, its other fields and its line ends.

use super::{FilterFault, MAX_LIST_BYTES, Output, Rules, Unfiltered, json};

/// Filters one stream.
#[derive(Debug, Default)]
pub(super) struct SseFilter {
    /// The beginning of the current event.
    held: Vec<u8>,
    /// How much of it has been searched for its end, up to the beginning of a line.
    searched: usize,
    /// Whether the previous event ended with CR, so that an LF belongs to it.
    after_cr: bool,
    has_begun: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line of an event, with its end.
struct Line<'a> {
    text: &'a [u8],
    end: &'a [u8],
}

impl SseFilter {
    /// Filters the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8], rules: &mut Rules) -> Result<Output, Unfiltered> {
        let was_empty = self.held.is_empty();
        self.held.extend_from_slice(bytes);
        let mut passed = Vec::new();
        let mut is_changed = false;
        let mut held = std::mem::take(&mut self.held);
        let mut begin = 0;
        if self.after_cr && held.first() == Some(&b'\n') {
            passed.push(b'\n');
            begin = 1;
        }
        self.after_cr &= held.is_empty();
        while let Some(end) = self.end_of_event(held.get(begin..).unwrap_or_default()) {
            let event = held.get(begin..begin + end).unwrap_or_default();
            match self.event(event, rules) {
                Ok(Some(changed)) => {
                    is_changed = true;
                    passed.extend_from_slice(&changed);
                }
                Ok(None) => passed.extend_from_slice(event),
                Err(fault) => {
                    let before = passed;
                    return Err(Unfiltered { fault, before });
                }
            }
            self.after_cr = event.ends_with(b"\r");
            begin += end;
            self.searched = 0;
            if self.after_cr && held.get(begin) == Some(&b'\n') {
                passed.push(b'\n');
                begin += 1;
                self.after_cr = false;
            }
        }
        held.drain(..begin);
        if held.len() > MAX_LIST_BYTES {
            let fault = FilterFault::TooLarge;
            return Err(Unfiltered {
                fault,
                before: passed,
            });
        }
        self.held = held;
        // The capacity of a large event is not retained by a stream that may be silent for hours.
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Ok(if !is_changed && was_empty && self.held.is_empty() {
            Output::Unchanged
        } else {
            Output::Replaced(passed)
        })
    }

    /// Filters an event without an empty line after it, which some clients read nevertheless.
    pub(super) fn finish(&mut self, rules: &mut Rules) -> Result<Vec<u8>, FilterFault> {
        let held = std::mem::take(&mut self.held);
        Ok(self.event(&held, rules)?.unwrap_or(held))
    }

    /// The length of the first event in `held` with the empty line after it.
    fn end_of_event(&mut self, held: &[u8]) -> Option<usize> {
        let mut at = self.searched;
        loop {
            let rest = held.get(at..)?;
            let line = Line::first(rest)?;
            // Without the byte that follows a CR it is not known whether the line ends with it.
            if line.end == b"\r" && rest.len() == line.len() && !line.text.is_empty() {
                self.searched = at;
                return None;
            }
            at += line.len();
            if line.text.is_empty() {
                return Some(at);
            }
            self.searched = at;
        }
    }

    /// An event without what the caller may not use. `None` if there is nothing to remove.
    fn event(&mut self, event: &[u8], rules: &mut Rules) -> Result<Option<Vec<u8>>, FilterFault> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let mark = if is_first && event.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK
        } else {
            b""
        };
        let event = event.get(mark.len()..).unwrap_or_default();
        let data: Vec<_> = lines(event).filter_map(|line| line.data()).collect();
        let data = data.join(b"\n".as_slice());
        if data.trim_ascii().is_empty() {
            return Ok(None);
        }
        let Some(filtered) = json::filtered(&data, rules)? else {
            return Ok(None);
        };
        let mut written = mark.to_vec();
        let mut filtered = Some(filtered);
        for line in lines(event) {
            if line.data().is_none() {
                written.extend_from_slice(line.text);
                written.extend_from_slice(line.end);
            } else if let Some(filtered) = filtered.take() {
                // Values keep their bytes, so they can have line breaks between their tokens.
                for part in filtered.split(|byte| matches!(byte, b'\n' | b'\r')) {
                    written.extend_from_slice(b"data: ");
                    written.extend_from_slice(part);
                    written.extend_from_slice(if line.end.is_empty() { b"\n" } else { line.end });
                }
            }
        }
        Ok(Some(written))
    }
}

impl<'a> Line<'a> {
    /// The first line of some bytes. `None` if it does not end there.
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let length = memchr::memchr2(b'\r', b'\n', bytes)?;
        let (text, rest) = bytes.split_at_checked(length)?;
        let end = if rest.starts_with(b"\r\n") { 2 } else { 1 };
        Some(Self {
            text,
            end: rest.get(..end)?,
        })
    }

    const fn len(&self) -> usize {
        self.text.len() + self.end.len()
    }

    /// The value of a `data` line.
    fn data(&self) -> Option<&'a [u8]> {
        let rest = self.text.strip_prefix(b"data")?;
        match rest.split_first() {
            None => Some(rest),
            Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
            Some(_) => None,
        }
    }
}

/// The lines of an event. The last one may have no end.
fn lines(event: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = event;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let line = Line::first(rest).unwrap_or(Line {
            text: rest,
            end: b"",
        });
        rest = rest.get(line.len()..).unwrap_or_default();
        Some(line)
    })
}
