//! What all requests of one worker share: a configuration, and what was learnt under it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::authn::signature::SignatureVerifier;
use crate::authn::{Authenticator, IssuerIndex};
use crate::callout::{Answer, Callout, Poll};
use crate::config::Config;
use crate::credential::Credential;
use crate::credential::aws::CredentialSource;
use crate::observe::ModelLabels;
use crate::refresh::Board;
use crate::sigv4::SigningKeys;
use crate::time::UnixTime;

/// A configuration, with keys, tokens and credentials.
pub struct Shared {
    /// The configuration.
    pub config: Config,
    /// Keys and tokens.
    pub authenticator: RefCell<Authenticator>,
    /// What requests are signed with.
    pub signers: RefCell<Signers>,
    /// The models that are counted by name.
    pub models: RefCell<ModelLabels>,
}

/// The AWS credentials of the providers, and the keys derived from them.
#[derive(Default)]
pub struct Signers {
    /// By the provider's name.
    pub credentials: BTreeMap<String, CredentialSource>,
    /// Derived keys.
    pub keys: SigningKeys,
}

/// Something that is fetched, and that requests wait for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resource {
    /// An issuer's keys.
    Keys(IssuerIndex),
    /// The credentials of the provider of that name.
    Credentials(Rc<str>),
}

impl Shared {
    /// Nothing is fetched yet.
    pub fn new(config: Config, verifier: Rc<dyn SignatureVerifier>, board: &dyn Board) -> Self {
        let authenticator = Authenticator::new(
            config.issuers(),
            config.authentication.cache_size(),
            verifier,
            board,
        );
        let credentials = config
            .providers
            .values()
            .filter_map(|provider| match &provider.credential {
                Credential::Aws(signing) => Some((
                    provider.name.clone(),
                    CredentialSource::new(&signing.settings, board),
                )),
                _ => None,
            })
            .collect();
        Self {
            config,
            authenticator: RefCell::new(authenticator),
            signers: RefCell::new(Signers {
                credentials,
                keys: SigningKeys::default(),
            }),
            models: RefCell::default(),
        }
    }

    /// Takes in what other workers have fetched, and begins the fetches that are due here.
    pub fn poll(&self, now: UnixTime, board: &dyn Board) -> Vec<(Resource, Poll)> {
        let keys = self.authenticator.borrow_mut().poll(now, board);
        let mut polls: Vec<_> = keys
            .into_iter()
            .map(|(issuer, poll)| (Resource::Keys(issuer), poll))
            .collect();
        for (name, source) in &mut self.signers.borrow_mut().credentials {
            let poll = source.poll(now, board);
            polls.push((Resource::Credentials(name.as_str().into()), poll));
        }
        polls
    }

    /// Takes in the answer to a callout; the next callout, if the fetch has not ended.
    pub fn answered(
        &self,
        resource: &Resource,
        answer: Answer<'_>,
        now: UnixTime,
        board: &dyn Board,
    ) -> Option<Callout> {
        match resource {
            Resource::Keys(issuer) => {
                let mut authenticator = self.authenticator.borrow_mut();
                authenticator.answered(*issuer, answer, now, board)
            }
            Resource::Credentials(name) => {
                let mut signers = self.signers.borrow_mut();
                let source = signers.credentials.get_mut(name.as_ref())?;
                source.answered(answer, now, board)
            }
        }
    }

    /// Gives up all fetches under way, since this worker ends.
    pub fn abandon(&self, board: &dyn Board) {
        self.authenticator.borrow().abandon(board);
        for source in self.signers.borrow().credentials.values() {
            source.abandon(board);
        }
    }
}
