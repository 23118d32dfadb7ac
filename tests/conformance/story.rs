//! Runs connections and tells what happened in one line.
//!
//! `S`, `N`: the single bytes. `v 3.2 [names]`: NegotiateProtocolVersion. `R`: AuthenticationOk.
//! `in USER/DATABASE VERSION`, `cancel ID KEY-LENGTH`. `FATAL CODE: message (detail) (hint)`: an
//! ErrorResponse. `old …`: one in the format before protocol 3. `silent CODE: reason`: closed
//! without a word, with what the log has. `…`: waiting.

use std::time::Duration;

use pgtls::{
    Action, Answer, AuthMethod, Close, Connection, Handshake, Login, Output, Question, Rules,
};

pub(crate) const NOW: Duration = Duration::ZERO;

/// What happens when all bytes are there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// The stream stays open.
    Open,
    /// The client leaves.
    Eof,
}

pub(crate) fn trust(_question: &Question) -> Answer {
    Answer::Require(AuthMethod::Trust.into())
}

/// A machine, fed `stream` in pieces that end at `cuts` and at the stream's own end.
pub(crate) fn of_machine(
    rules: &Rules,
    answer: fn(&Question) -> Answer,
    stream: &[u8],
    cuts: &[usize],
    end: End,
) -> String {
    let mut connection = Connection::new(rules.clone());
    let mut story = Vec::new();
    let mut consumed = 0;
    for fed in cuts.iter().copied().chain([stream.len()]) {
        loop {
            let step = connection.handle_input(NOW, &stream[consumed..fed]);
            consumed += step.consumed;
            match step.action {
                Action::NeedInput => break,
                Action::Ask(question) => {
                    let answer = answer(&question);
                    connection.answer(question, answer);
                }
                action => tell(&mut story, action),
            }
        }
    }
    match end {
        End::Open => {}
        End::Eof => match connection.handle_eof(&stream[consumed..]).action {
            Action::NeedInput => {}
            action => tell(&mut story, action),
        },
    }
    if connection.poll_timeout().is_some() {
        story.push("…".to_owned());
    }
    story.join(" ")
}

fn tell(story: &mut Vec<String>, action: Action) {
    match action {
        Action::Reply(reply) => {
            let mut bytes = Vec::new();
            reply.put(&mut bytes);
            spoken(story, &bytes);
        }
        Action::Admit(login) => story.push(admitted(&login)),
        Action::Cancel(request) => story.push(cancelled(&request)),
        Action::Close(close) => {
            let mut bytes = Vec::new();
            close.put_farewell(&mut bytes);
            spoken(story, &bytes);
            closed(story, &close);
        }
        other => story.push(format!("{other:?}")),
    }
}

/// A handshake, fed likewise.
pub(crate) fn of_handshake(
    mut handshake: Handshake,
    answer: fn(&Question) -> Answer,
    stream: &[u8],
    cuts: &[usize],
    end: End,
) -> String {
    let mut story = Vec::new();
    let mut start = 0;
    for fed in cuts.iter().copied().chain([stream.len()]) {
        let mut rest = &stream[start..fed];
        start = fed;
        loop {
            let taken = handshake.handle_input(NOW, rest);
            rest = &rest[taken..];
            drain(&mut handshake, answer, &mut story, &mut Vec::new());
            if taken == 0 {
                break;
            }
        }
    }
    match end {
        End::Open => {}
        End::Eof => {
            handshake.handle_eof(NOW);
            drain(&mut handshake, answer, &mut story, &mut Vec::new());
        }
    }
    if matches!(handshake.poll_output(), Output::Wait(Some(_))) {
        story.push("…".to_owned());
    }
    story.join(" ")
}

/// Carries out orders until the handshake waits. What is sent in plain is told, and put into
/// `wire`.
pub(crate) fn drain(
    handshake: &mut Handshake,
    answer: fn(&Question) -> Answer,
    story: &mut Vec<String>,
    wire: &mut Vec<u8>,
) {
    loop {
        match handshake.poll_output() {
            Output::Ask(question) => {
                let answer = answer(&question);
                handshake.answer(NOW, question, answer);
            }
            Output::Cancel(request) => story.push(cancelled(&request)),
            Output::Close(close) => closed(story, &close),
            Output::Done(mut session) => {
                let mut bytes = Vec::new();
                while session.wants_transmit() {
                    session.transmit(&mut bytes).unwrap();
                }
                if !session.is_encrypted() {
                    spoken(story, &bytes);
                }
                wire.extend(bytes);
                story.push(admitted(session.login()));
            }
            Output::Send(bytes) => {
                if wire.is_empty() {
                    // An eager client is answered in one write.
                    let plain = match bytes.as_slice() {
                        [b'S', behind @ ..] if is_tls(behind) => &bytes[..1],
                        all if is_tls(all) => &[],
                        all => all,
                    };
                    spoken(story, plain);
                }
                wire.extend(bytes);
            }
            Output::Wait(_) => return,
            other => story.push(format!("{other:?}")),
        }
    }
}

/// Whether bytes are a TLS record: content type and version (RFC 8446 §5.1).
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, ..])
}

fn admitted(login: &Login) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut story = format!(
        "in {}/{} {}",
        text(login.user()),
        text(login.database()),
        login.version()
    );
    if let Some(mode) = login.replication() {
        story += &format!(" {mode:?}");
    }
    if let Some(options) = login.options() {
        story += &format!(" options={}", text(options));
    }
    for (name, value) in login.settings() {
        story += &format!(" {}={}", text(name), text(value));
    }
    story
}

fn cancelled(request: &pgtls::CancelRequest) -> String {
    format!("cancel {} {}", request.process_id(), request.key().len())
}

fn closed(story: &mut Vec<String>, close: &Close) {
    if close.farewell().is_none() {
        story.push(format!(
            "silent {}: {}",
            close.reason().sqlstate(),
            close.reason()
        ));
    }
}

/// Reads what a server says before login.
pub(crate) fn spoken(story: &mut Vec<String>, mut bytes: &[u8]) {
    while let Some((kind, rest)) = bytes.split_first() {
        match kind {
            b'S' | b'N' => {
                story.push(char::from(*kind).to_string());
                bytes = rest;
            }
            b'E' if rest.starts_with(b"FATAL") => {
                let text = rest.strip_suffix(b"\n\0").expect("the end of an old error");
                story.push(format!("old {}", String::from_utf8_lossy(text)));
                bytes = &[];
            }
            _ => {
                let (length, _) = rest.split_first_chunk().expect("a length");
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
                let (message, behind) = rest.split_at(length);
                story.push(message_text(*kind, &message[4..]));
                bytes = behind;
            }
        }
    }
}

fn message_text(kind: u8, body: &[u8]) -> String {
    match (kind, body) {
        (b'R', [0, 0, 0, 0]) => "R".to_owned(),
        (b'v', [a, b, c, d, count @ ..]) => {
            let half = |high, low| u16::from_be_bytes([high, low]);
            let (count, names) = count.split_first_chunk().unwrap();
            let names: Vec<_> = names.split_inclusive(|byte| *byte == 0).collect();
            assert_eq!(u32::from_be_bytes(*count) as usize, names.len());
            let names: Vec<_> = names
                .iter()
                .map(|name| String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap()).into_owned())
                .collect();
            format!("v {}.{} [{}]", half(*a, *b), half(*c, *d), names.join(" "))
        }
        (b'E', fields) => {
            let fields = fields.strip_suffix(b"\0\0").expect("the end of an error");
            let mut story = String::new();
            for (at, field) in fields.split(|byte| *byte == 0).enumerate() {
                let (kind, text) = field.split_first().unwrap();
                let text = String::from_utf8_lossy(text);
                match (at, kind) {
                    (0, b'S') => story += &text,
                    (1, b'V') => assert_eq!(story, text, "severity, never localised"),
                    (2, b'C') => story += &format!(" {text}:"),
                    (3, b'M') => story += &format!(" {text}"),
                    (4.., b'D' | b'H') => story += &format!(" ({text})"),
                    other => panic!("field {other:?}"),
                }
            }
            story
        }
        other => panic!("unexpected message {other:?}"),
    }
}
