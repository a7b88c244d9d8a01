//! Gemini CLI: it has no token helper, and accepts a base URL only if its settings select the API
//! key method. System settings must belong to root, so it gets a temporary home with the user's
//! settings and that method selected.

use std::path::Path;

use serde_json::{Value, json};

use super::{Connection, Launch};

pub(super) fn launch(connection: &Connection) -> Launch {
    let home = (connection.env)("GEMINI_CLI_HOME").or_else(|| (connection.env)("HOME"));
    let user_folder = home.map(|home| Path::new(&home).join(".gemini"));
    let mut settings = user_folder
        .as_ref()
        .and_then(|folder| std::fs::read(folder.join("settings.json")).ok())
        .and_then(|settings| serde_json::from_slice::<Value>(&settings).ok())
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({}));
    set_at(
        &mut settings,
        &["security", "auth", "selectedType"],
        "gemini-api-key".into(),
    );
    let mut set = vec![
        (
            "GEMINI_CLI_HOME",
            connection.folder.to_string_lossy().into_owned(),
        ),
        ("GOOGLE_GEMINI_BASE_URL", connection.base_url.to_owned()),
        // The loopback proxy replaces it with the token.
        ("GEMINI_API_KEY", "set-by-the-gateway".to_owned()),
    ];
    let trusted = user_folder.map(|folder| folder.join("trustedFolders.json"));
    if let Some(trusted) = trusted.filter(|file| file.exists()) {
        set.push((
            "GEMINI_CLI_TRUSTED_FOLDERS_PATH",
            trusted.to_string_lossy().into_owned(),
        ));
    }
    let model = connection
        .model
        .map(|model| ["--model".to_owned(), model.to_owned()]);
    Launch {
        arguments: model.into_iter().flatten().collect(),
        set,
        unset: vec![
            "GOOGLE_API_KEY",
            "GOOGLE_GENAI_USE_VERTEXAI",
            "GOOGLE_GENAI_USE_GCA",
            "GEMINI_API_KEY_AUTH_MECHANISM",
            "GEMINI_CLI_CUSTOM_HEADERS",
        ],
        files: vec![(
            connection.folder.join(".gemini/settings.json"),
            settings.to_string(),
        )],
    }
}

/// Sets the value at a path, and replaces whatever is not an object on the way.
fn set_at(settings: &mut Value, path: &[&str], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *settings = value;
        return;
    };
    if !settings.is_object() {
        *settings = json!({});
    }
    if let Some(members) = settings.as_object_mut() {
        set_at(members.entry(*name).or_insert(Value::Null), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_setting_is_changed_and_the_others_stay() {
        let mut settings = json!({"ui": {"theme": "x"}, "security": {"auth": 5, "other": 1}});
        set_at(
            &mut settings,
            &["security", "auth", "selectedType"],
            "key".into(),
        );
        assert_eq!(
            settings,
            json!({"ui": {"theme": "x"}, "security": {"auth": {"selectedType": "key"}, "other": 1}})
        );
    }
}
