//! The list of models, and one model, in the shape of each kind of provider.

use serde_json::{Value, json};

/// The shape in which a kind of provider lists its models.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModelListShape {
    /// `{"object": "list", "data": […]}`.
    Objects,
    /// `{"data": […], "has_more": false}`.
    Pages,
    /// `{"models": […]}`.
    Resources,
}

impl ModelListShape {
    /// A list of all these models on one page. `allowed` says which models may be used, also by
    /// prefixes, which cannot be listed. Clients that do not know that member ignore it.
    pub fn list(self, models: &[&str], allowed: &[String], owner: &str) -> Value {
        let entries: Vec<_> = models.iter().map(|model| self.one(model, owner)).collect();
        match self {
            Self::Objects => {
                json!({"object": "list", "data": entries, "allowed_models": allowed})
            }
            Self::Pages => json!({
                "data": entries,
                "has_more": false,
                "first_id": models.first(),
                "last_id": models.last(),
                "allowed_models": allowed,
            }),
            Self::Resources => json!({"models": entries, "allowedModels": allowed}),
        }
    }

    /// One model. The gateway does not know when it was created.
    pub fn one(self, model: &str, owner: &str) -> Value {
        match self {
            Self::Objects => {
                json!({"id": model, "object": "model", "created": 0, "owned_by": owner})
            }
            Self::Pages => json!({
                "type": "model",
                "id": model,
                "display_name": model,
                "created_at": "1970-01-01T00:00:00Z",
            }),
            Self::Resources => {
                json!({"name": format!("models/{model}"), "displayName": model})
            }
        }
    }
}
