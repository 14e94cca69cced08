//! demo-app.
