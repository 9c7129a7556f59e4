//! What the sources' tests share: a server of their own on a free port of the loopback.

use axum::Router;

/// Serves `app` until the test's runtime ends; its base URL.
pub async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}
