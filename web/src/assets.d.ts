/** Files that Vite turns into strings. */
declare module '*.svg?raw' {
  const text: string;
  export default text;
}
