/** Resources of users and API keys as the API shows them. Secrets appear in the answer that creates them only. */
import { z } from 'zod';
import { roleSchema, userSchema } from './api.ts';

/** Also part of URLs, logs and TURN user names. */
export const userNameSchema = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9._-]{0,30}[a-z0-9])?$/,
    'a user name has 1 to 32 characters: a-z first, then a-z, 0-9, ".", "_" or "-"',
  );

export const createUserSchema = z.strictObject({ name: userNameSchema, role: roleSchema });
export const userListSchema = z.object({ items: z.array(userSchema) });

/** `POST /v1/users` and `POST /v1/users/:name/reset-password`: the only time the password is shown. */
export const userPasswordSchema = z.object({ user: userSchema, password: z.string() });
export type UserPassword = z.infer<typeof userPasswordSchema>;

/** `POST /v1/users/:name/sign-in-code`: works once. */
export const signInCodeSchema = z.object({ user: userSchema, code: z.string(), expiresAt: z.iso.datetime() });
export type SignInCode = z.infer<typeof signInCodeSchema>;

export const createApiKeySchema = z.strictObject({
  name: z.string().trim().min(1).max(80),
  role: roleSchema,
});
export const apiKeySchema = z.object({
  id: z.string(),
  namespace: z.string(),
  name: z.string(),
  role: roleSchema,
  /** First characters of the key, to recognise it by. */
  prefix: z.string(),
  createdAt: z.iso.datetime(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;
export const apiKeyListSchema = z.object({ items: z.array(apiKeySchema) });
/** 201: the only time the key is shown. */
export const apiKeyCreatedSchema = z.object({ apiKey: apiKeySchema, key: z.string() });
