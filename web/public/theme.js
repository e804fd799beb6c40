// Sets the chosen theme before the first paint; without a choice the system decides.
try {
  const theme = globalThis.localStorage.getItem('turnkeep.theme');
  if (theme === 'light' || theme === 'dark') globalThis.document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system theme stays.
}
