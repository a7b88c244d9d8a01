//! The endpoints of the gateway itself: the directory of providers, the connect page, usage and
//! status.

use super::access_log::RequestLogContext;
use super::received::{Caller, Decision, ReceivedRequest, Stop};
use super::refusal::Refusal;
use crate::admin::directory::{Directory, Entry};
use crate::admin::page;
use crate::admin::status::StatusReport;
use crate::authz::{Action, Denied};
use crate::base::display::truncate_for_display;
use crate::provider::Provider;
use crate::reply::{Rejection, Reply};

impl<'a> ReceivedRequest<'a> {
    /// Shows one provider.
    pub(super) fn provider(mut self, name: &[u8]) -> Result<Decision, Stop> {
        let config = self.config;
        let caller = self.any_caller()?;
        self.count_accepted(&caller);
        let refuse = |rejection| Refusal::of(rejection, caller.claims(), None);
        let provider = config
            .provider(name)
            .ok_or_else(|| refuse(Rejection::UnknownProvider(truncate_for_display(name))))?;
        self.may_see(&caller, provider)
            .map_err(|denied| refuse(Rejection::Denied(denied, Some(provider.name.clone()))))?;
        self.expect_get(|| refuse(Rejection::NoUpstreamPath(provider.name.clone())))?;
        if page::is_wanted(self.head) {
            return Ok(self.page(RequestLogContext::new(caller.claims(), None)));
        }
        let models = self.models(provider, &caller);
        let issuers = config.issuers();
        let entry = Entry::new(provider, models, issuers, self.head, &config.path_prefix);
        Ok(answer(Reply::json(200, Vec::new(), &entry), &caller))
    }

    /// Lists the providers.
    pub(super) fn directory(mut self) -> Result<Decision, Stop> {
        let config = self.config;
        let (caller, visible) = self.visible_providers()?;
        if page::is_wanted(self.head) {
            return Ok(self.page(RequestLogContext::new(caller.claims(), None)));
        }
        let issuers = config.issuers();
        let entries = visible
            .into_iter()
            .map(|provider| (provider, self.models(provider, &caller)));
        let directory = Directory::new(entries, issuers, self.head, &config.path_prefix);
        Ok(answer(Reply::json(200, Vec::new(), &directory), &caller))
    }

    /// Reports the usage of the providers.
    pub(super) fn usage(mut self) -> Result<Decision, Stop> {
        let (caller, visible) = self.visible_providers()?;
        let totals = &self.gateway.usage_totals;
        let report = totals.usage_report(visible.into_iter(), self.shared_data);
        Ok(answer(Reply::json(200, Vec::new(), &report), &caller))
    }

    /// Reports the state of the gateway.
    pub(super) fn status(mut self) -> Result<Decision, Stop> {
        let (caller, visible) = self.visible_providers()?;
        let report = StatusReport::new(self.gateway, &visible, self.now, self.shared_data);
        Ok(answer(Reply::json(200, Vec::new(), &report), &caller))
    }

    /// The connect page.
    pub(super) fn page(&self, known: RequestLogContext) -> Decision {
        Decision::Answer(page::page(self.config), known)
    }

    /// The models of a provider that a caller may use, as the configuration lists them. `None` means
    /// all.
    fn models(&self, provider: &Provider, caller: &Caller) -> Option<Vec<String>> {
        let terms = self.terms(provider, caller);
        let allowed = self.allowed_models(provider, &terms);
        allowed.map(|allowed| allowed.entries())
    }

    /// The caller of a `GET` request, and the providers that it may see.
    fn visible_providers(&mut self) -> Result<(Caller, Vec<&'a Provider>), Stop> {
        let config = self.config;
        let caller = self.any_caller()?;
        self.count_accepted(&caller);
        let refuse = |rejection| Refusal::of(rejection, caller.claims(), None);
        if let Some(claims) = caller.claims() {
            config
                .policy
                .decide_on_some(claims, Action::Get)
                .map_err(|denied| refuse(Rejection::Denied(denied, None)))?;
        }
        self.expect_get(|| refuse(Rejection::UnknownPath(config.path_prefix.clone())))?;
        let is_visible = |provider: &&Provider| self.may_see(&caller, provider).is_ok();
        let visible = config.providers.values().filter(is_visible).collect();
        Ok((caller, visible))
    }

    fn may_see(&self, caller: &Caller, provider: &Provider) -> Result<(), Denied> {
        let Some(claims) = caller.claims() else {
            return Ok(());
        };
        let allow = provider.allow.as_deref();
        let policy = &self.config.policy;
        policy.decide(claims, Action::Get, &provider.name, allow)
    }

    fn expect_get(&self, otherwise: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
        if matches!(self.head.method(), b"GET" | b"HEAD") {
            Ok(())
        } else {
            Err(otherwise())
        }
    }
}

fn answer(reply: Reply, caller: &Caller) -> Decision {
    Decision::Answer(reply, RequestLogContext::new(caller.claims(), None))
}
