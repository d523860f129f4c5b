//! The routes by which people see and end their own sessions. They are the gateway's, not
//! PocketBase's, and there only where sessions are the gateway's own.

use http::Method;

use super::OperationError;
use crate::principal::SessionId;

/// What may be asked of one's own sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionAction {
    /// `POST /api/hapta/logout`: ends the session that asks.
    LogOut,
    /// `GET /api/hapta/sessions`.
    List,
    /// `DELETE /api/hapta/sessions`: ends all of them.
    EndAll,
    /// `DELETE /api/hapta/sessions/{id}`.
    End(SessionId),
}

impl SessionAction {
    /// The action of a method and decoded segments; none where they are no such route.
    pub(super) fn parse(
        method: &Method,
        segments: &[String],
    ) -> Result<Option<Self>, OperationError> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Ok(match (method.as_str(), &segments[..]) {
            ("POST", ["api", "hapta", "logout"]) => Some(Self::LogOut),
            ("GET" | "HEAD", ["api", "hapta", "sessions"]) => Some(Self::List),
            ("DELETE", ["api", "hapta", "sessions"]) => Some(Self::EndAll),
            ("DELETE", ["api", "hapta", "sessions", id]) => {
                let id = SessionId::parse(id);
                let id = id.ok_or(OperationError::Path("a session has no such id"))?;
                Some(Self::End(id))
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, path: &str, expected: Result<Option<SessionAction>, ()>) {
        let segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let found = SessionAction::parse(&method, &segments).map_err(drop);
        assert_eq!(found, expected, "{method} {path}");
    }

    #[test]
    fn each_route_has_one_spelling() {
        let id = SessionId([0xa1; 16]);
        let of = |id: &str| format!("/api/hapta/sessions/{id}");
        check("POST", "/api/hapta/logout", Ok(Some(SessionAction::LogOut)));
        check("GET", "/api/hapta/sessions", Ok(Some(SessionAction::List)));
        check(
            "DELETE",
            "/api/hapta/sessions",
            Ok(Some(SessionAction::EndAll)),
        );
        check(
            "DELETE",
            &of(&id.to_string()),
            Ok(Some(SessionAction::End(id))),
        );
        check("DELETE", &of(&id.to_string().to_uppercase()), Err(()));
        check("DELETE", &of(""), Err(()));
        for (method, path) in [
            ("GET", "/api/hapta/logout"),
            ("POST", "/api/Hapta/logout"),
            ("POST", "/api/hapta/logout/"),
            ("GET", "/api/hapta"),
            ("PATCH", "/api/hapta/sessions"),
        ] {
            check(method, path, Ok(None));
        }
    }
}
