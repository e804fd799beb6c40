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
/** A user as owners see it. */
export const listedUserSchema = userSchema.extend({
  /** Cannot sign in, until an owner enables it again. */
  disabled: z.boolean(),
  createdAt: z.iso.datetime(),
  /** Of the open session that was used last, to the minute; null when none is open. */
  lastActiveAt: z.iso.datetime().nullable(),
});
export type ListedUser = z.infer<typeof listedUserSchema>;
export const userListSchema = z.object({ items: z.array(listedUserSchema) });

/** `PATCH /v1/users/:name`: what is left out stays as it is. */
export const changeUserSchema = z
  .strictObject({ role: roleSchema.optional(), disabled: z.boolean().optional() })
  .refine(({ role, disabled }) => role !== undefined || disabled !== undefined, 'changes nothing');
export type ChangeUser = z.infer<typeof changeUserSchema>;

/** An open session of the console. */
export const consoleSessionSchema = z.object({
  /** Names it to end it; opens nothing. */
  id: z.string(),
  user: z.string(),
  createdAt: z.iso.datetime(),
  /** To the minute. */
  lastActiveAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** The one that asks. */
  current: z.boolean(),
});
export type ConsoleSession = z.infer<typeof consoleSessionSchema>;
export const consoleSessionListSchema = z.object({ items: z.array(consoleSessionSchema) });

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
  /** To the minute; null: never since this is counted. */
  lastUsedAt: z.iso.datetime().nullable().default(null),
});
export type ApiKey = z.infer<typeof apiKeySchema>;
export const apiKeyListSchema = z.object({ items: z.array(apiKeySchema) });
/** 201: the only time the key is shown. */
export const apiKeyCreatedSchema = z.object({ apiKey: apiKeySchema, key: z.string() });
