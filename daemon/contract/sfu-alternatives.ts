/** Where else clients of an SFU that is about to stop may go: signaling addresses of other nodes. */
import { z } from 'zod';

/** A client tries them one after the other. */
export const MAX_SFU_ALTERNATIVES = 8;
const MAX_CHARS = 300;

const alternativeSchema = z
  .string()
  .max(MAX_CHARS)
  .refine((text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, username, password, search, hash, pathname } = new URL(text);
    const isSocket = protocol === 'wss:' || protocol === 'ws:';
    return isSocket && pathname !== '/' && [username, password, search, hash].every((part) => part === '');
  }, 'must be the signaling address of another server, for example wss://other.example.com/v1/webrtc/signal');

export const sfuAlternativesSchema = z.array(alternativeSchema).max(MAX_SFU_ALTERNATIVES);
