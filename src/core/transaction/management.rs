//! Requests for the gateway itself: which providers there are, and what was used of them.

use super::caller::Caller;
use super::{Decision, Obstacle, Request};
use crate::admin::directory::{Directory, Entry};
use crate::admin::page;
use crate::authz::{Action, Denied};
use crate::base::display::truncate_for_display;
use crate::provider::Provider;
use crate::reply::{Rejection, Reply};

impl Request<'_> {
    pub(super) fn show(&self, name: &[u8]) -> Result<Decision, Obstacle> {
        let config = &self.shared.config;
        let caller = self.counted(self.any_caller()?);
        let provider = config
            .provider(name)
            .ok_or_else(|| Rejection::UnknownProvider(truncate_for_display(name)))?;
        self.see(&caller, provider)
            .map_err(|denied| Rejection::Denied(denied, Some(provider.name.clone())))?;
        self.expect_get(|| Rejection::NoUpstreamPath(provider.name.clone()))?;
        if page::is_wanted(self.head) {
            return self.page();
        }
        let models = self.models(provider, &caller);
        let issuers = config.issuers();
        let entry = Entry::new(provider, models, issuers, self.head, &config.path_prefix);
        Ok(Decision::Answer(Reply::json(200, Vec::new(), &entry)))
    }

    pub(super) fn list(&self) -> Result<Decision, Obstacle> {
        let config = &self.shared.config;
        let (caller, visible) = self.visible()?;
        self.expect_get(|| Rejection::UnknownPath(config.path_prefix.clone()))?;
        if page::is_wanted(self.head) {
            return self.page();
        }
        let issuers = config.issuers();
        let entries = visible.into_iter().map(|it| (it, self.models(it, &caller)));
        let directory = Directory::new(entries, issuers, self.head, &config.path_prefix);
        Ok(Decision::Answer(Reply::json(200, Vec::new(), &directory)))
    }

    pub(super) fn usage(&self) -> Result<Decision, Obstacle> {
        let (_, visible) = self.visible()?;
        self.expect_get(|| Rejection::UnknownPath(self.shared.config.path_prefix.clone()))?;
        let usage_totals = self.shared.usage_totals.borrow();
        let usage_report = usage_totals.usage_report(visible.into_iter(), self.shared_data);
        Ok(Decision::Answer(Reply::json(
            200,
            Vec::new(),
            &usage_report,
        )))
    }

    pub(super) fn status(&self) -> Result<Decision, Obstacle> {
        let (_, visible) = self.visible()?;
        self.expect_get(|| Rejection::UnknownPath(self.shared.config.path_prefix.clone()))?;
        let status_report = self
            .shared
            .status_report(&visible, self.now, self.shared_data);
        Ok(Decision::Answer(Reply::json(
            200,
            Vec::new(),
            &status_report,
        )))
    }

    /// The page to connect from.
    pub(super) fn page(&self) -> Result<Decision, Obstacle> {
        Ok(Decision::Answer(page::page(&self.shared.config)))
    }

    /// There is nothing at this path, as whoever may ask is told.
    pub(super) fn nothing(&self) -> Result<Decision, Obstacle> {
        self.any_caller()?;
        let prefix = self.shared.config.path_prefix.clone();
        Err(Rejection::UnknownPath(prefix).into())
    }

    /// The entries of the catalogs that hold for a caller.
    fn models(&self, provider: &Provider, caller: &Caller) -> Vec<String> {
        let terms = self.terms(provider, caller);
        let allowed = self.allowed(provider, &terms);
        allowed.map(|allowed| allowed.entries()).unwrap_or_default()
    }

    /// The caller, and the providers that it may see.
    fn visible(&self) -> Result<(Caller, Vec<&Provider>), Obstacle> {
        let config = &self.shared.config;
        let caller = self.counted(self.any_caller()?);
        if let Caller::Known(claims) = &caller {
            config
                .policy
                .decide_on_some(claims, Action::Get)
                .map_err(|denied| Rejection::Denied(denied, None))?;
        }
        let may_see = |provider: &&Provider| self.see(&caller, provider).is_ok();
        let visible = config.providers.values().filter(may_see).collect();
        Ok((caller, visible))
    }

    /// Whether a caller may see a provider.
    fn see(&self, caller: &Caller, provider: &Provider) -> Result<(), Denied> {
        let Caller::Known(claims) = caller else {
            return Ok(());
        };
        let allow = provider.allow.as_deref();
        let policy = &self.shared.config.policy;
        policy.decide(claims, Action::Get, &provider.name, allow)
    }

    fn expect_get(&self, otherwise: impl FnOnce() -> Rejection) -> Result<(), Obstacle> {
        if matches!(self.head.method(), b"GET" | b"HEAD") {
            Ok(())
        } else {
            Err(otherwise().into())
        }
    }
}
