//! What a login has to bring, and whether it did.

use alloc::boxed::Box;

use crate::auth::exchange;
use crate::auth::{AuthMethod, Authenticated, ClientCertificate, Found, Verdict, identity};
use crate::close::{Close, Reason};
use crate::connection::refusals::{
    certificate_missing, in_the_words_of, lossy, no_ca, not_the_peer, plaintext_refused, rejected,
    secret_unavailable,
};
use crate::connection::state::{State, negotiated};
use crate::connection::{Answer, Answering, Attempt, Question};
use crate::login::Login;
use crate::policy::{Encryption, Rules};
use crate::tls::binding;

/// The policy, in PostgreSQL's order: the server's state (the answer), the transport, the
/// certificate, the method.
pub(super) fn decide(rules: &Rules, question: Question, answer: Answer) -> Result<State, Close> {
    let mut requirement = match answer {
        Answer::Refuse(error) => return Err(Close::spoken(Reason::Refused(error.clone()), error)),
        Answer::Require(requirement) => requirement,
    };
    let Question {
        startup, tls, host, ..
    } = question;
    match (rules.encryption, &tls) {
        (Encryption::Required, None) => return Err(plaintext_refused()),
        (Encryption::Optional | Encryption::Unavailable, _) | (Encryption::Required, Some(_)) => {}
    }
    let method = requirement.method;
    let of_method = match method {
        AuthMethod::Cert => ClientCertificate::OfUser,
        AuthMethod::Md5
        | AuthMethod::Password
        | AuthMethod::Peer
        | AuthMethod::Reject
        | AuthMethod::ScramSha256
        | AuthMethod::Trust => ClientCertificate::Optional,
    };
    requirement.certificate = requirement
        .certificate
        .max(rules.certificate)
        .max(of_method);
    if requirement.certificate >= ClientCertificate::Required {
        match &tls {
            Some(tls) if !tls.has_ca => return Err(no_ca()),
            Some(tls) if !tls.peer_certificates().is_empty() => {}
            Some(_) | None => return Err(certificate_missing()),
        }
    }
    let attempt = Attempt {
        startup: *startup,
        tls,
        host,
        requirement,
    };
    if method.needs_secret() {
        return Ok(State::NeedingSecret(Box::new(attempt)));
    }
    match Verdict::without_exchange(&attempt.requirement, &attempt.startup.user) {
        Some(verdict) => {
            accept(verdict, rules, attempt).map(|(proof, login)| State::Authenticated(proof, login))
        }
        None if method == AuthMethod::Peer => Err(not_the_peer(&attempt)),
        None => match attempt.requirement.refusal {
            Some(error) => Err(Close::spoken(Reason::Refused((*error).clone()), *error)),
            None => Err(rejected(&attempt.startup)),
        },
    }
}

/// What the client is asked, now that its secret is known, or known not to be there.
pub(super) fn challenge(attempt: Attempt, found: Found) -> Result<State, Close> {
    let (secret, challenge) = found.into_secret().map_err(secret_unavailable)?;
    let user = &attempt.startup.user;
    let end_point = || {
        let certificate = attempt.tls.as_ref()?.server_certificate()?;
        binding::end_point(certificate)
    };
    match exchange::begin(
        attempt.requirement.method,
        user,
        secret,
        &challenge,
        end_point,
    ) {
        Some((exchange, question)) => {
            let answering = Box::new(Answering { attempt, exchange });
            Ok(State::Challenging(question, answering))
        }
        None => Err(rejected(&attempt.startup)),
    }
}

/// The method has said yes. The certificate's name is judged last, and a mismatch fails in the
/// method's words.
pub(super) fn accept(
    verdict: Verdict,
    rules: &Rules,
    attempt: Attempt,
) -> Result<(Authenticated, Box<Login>), Close> {
    let Attempt {
        startup,
        tls,
        host,
        requirement,
    } = attempt;
    let proof = identity::conclude(
        verdict,
        rules,
        &requirement,
        &startup.user,
        tls.as_deref(),
        host.into_result(),
    )
    .map_err(|why| {
        let user = lossy(&startup.user);
        let error = in_the_words_of(requirement.method, &user);
        let cause = alloc::format!("{why}");
        Close::spoken(Reason::CertificateName { user, cause }, error)
    })?;
    let login = Login {
        version: negotiated(startup.asked),
        startup,
        tls,
        method: requirement.method,
        rule: requirement.rule,
    };
    Ok((proof, Box::new(login)))
}
