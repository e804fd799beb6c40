/** Tracks in media elements: one stream per element, so that a picture and its sound come from different tracks. */

const streams = new WeakMap<HTMLMediaElement, MediaStream>();

/** Puts a track into the element in place of the one of its kind, and starts the element. */
export function attachTrack(element: HTMLMediaElement, track: MediaStreamTrack): void {
  const known = streams.get(element);
  const others = (known?.getTracks() ?? []).filter((one) => one.kind !== track.kind);
  // A new stream each time: an element need not follow a stream that changes under it.
  show(element, [...others, track]);
}

/** Takes a track out again; one that took its place meanwhile stays. */
export function detachTrack(element: HTMLMediaElement, track: MediaStreamTrack): void {
  const tracks = streams.get(element)?.getTracks() ?? [];
  if (!tracks.includes(track)) return;
  show(
    element,
    tracks.filter((one) => one !== track),
  );
}

/** Tells of shown frames, while the element is watched. @returns a function that stops. */
export function watchFrames(element: HTMLMediaElement, shown: () => void): () => void {
  if (!(element instanceof HTMLVideoElement)) return () => undefined;
  let watching = true;
  const next = (): void => {
    element.requestVideoFrameCallback(() => {
      if (!watching) return;
      shown();
      next();
    });
  };
  next();
  return () => {
    watching = false;
  };
}

function show(element: HTMLMediaElement, tracks: MediaStreamTrack[]): void {
  if (tracks.length === 0) {
    streams.delete(element);
    element.srcObject = null;
    return;
  }
  const stream = new MediaStream(tracks);
  streams.set(element, stream);
  element.srcObject = stream;
  element.play().catch(() => {
    // The browser wants a click first, or another source came meanwhile: the page sees `element.paused`.
  });
}
