/** ICE values in W3C shape. */
import { z } from 'zod';

/** W3C RTCIceCandidateInit. An empty `candidate` marks the end of candidates. */
export const iceCandidateInitSchema = z.object({
  candidate: z.string().max(2048),
  sdpMid: z.string().max(64).nullish(),
  sdpMLineIndex: z.number().int().min(0).max(511).nullish(),
  usernameFragment: z.string().max(256).nullish(),
});
export type IceCandidateInit = z.infer<typeof iceCandidateInitSchema>;

/** W3C RTCIceServer with credentials. */
export const iceServerSchema = z.object({
  urls: z.array(z.string()),
  username: z.string(),
  credential: z.string(),
});
export type IceServer = z.infer<typeof iceServerSchema>;

export const sdpSchema = z
  .string()
  .min(1)
  .max(256 * 1024);

/**
 * `POST /v1/webrtc/turn/credentials` (seed 001: uris, username, password, ttl), with the spellings of
 * seed 000/003 (`urls`, `credential`) as aliases of the same values.
 */
export const turnCredentialsSchema = z.object({
  uris: z.array(z.string()),
  username: z.string(),
  password: z.string(),
  ttl: z.number().int(),
  urls: z.array(z.string()),
  credential: z.string(),
});
export type TurnCredentials = z.infer<typeof turnCredentialsSchema>;
