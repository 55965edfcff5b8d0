// The client of the tests: an application on another port, which keeps no secret.
const here = location.origin;
const issuer = sessionStorage.issuer || (sessionStorage.issuer = new URLSearchParams(location.search).get("issuer"));
const manager = new oidc.UserManager({
  authority: issuer,
  client_id: "spa",
  redirect_uri: `${here}/callback.html`,
  silent_redirect_uri: `${here}/silent.html`,
  post_logout_redirect_uri: `${here}/`,
  scope: "openid profile notes.read",
  loadUserInfo: true,
  monitorSession: false,
});

// What a test reads: never the tokens themselves.
const summary = (user) => user && {
  name: user.profile.name,
  sid: user.profile.sid,
  scope: user.scope,
  access: user.access_token.slice(-8),
  refresh: (user.refresh_token || "").slice(-8),
};
