// Without this Firefox sends an Encrypted Client Hello to every server, mostly as a dummy.
pref("security.tls.ech.grease_probability", 0);
