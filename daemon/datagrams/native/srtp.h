// SRTP protection of packets in memory: AEAD_AES_128_GCM (RFC 7714) and AES_CM_128_HMAC_SHA1_80 (RFC 3711), on the
// OpenSSL that the Node executable exports. A context is one direction's session keys with the cipher's key schedule,
// made once; sealing allocates nothing. Contexts are numbers with a generation: a number that was closed is refused.
// Callers check that the bytes they name exist; this file checks that they are enough for a packet.
#ifndef TURNKEEP_SRTP_H
#define TURNKEEP_SRTP_H

#define OPENSSL_SUPPRESS_DEPRECATED  // SHA_CTX: a keyed state that is copied, where EVP_MAC makes an object for each packet.
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace srtp {

enum Profile : int32_t { AEAD_AES_128_GCM = 0, AES_CM_128_HMAC_SHA1_80 = 1 };

constexpr size_t KEY_BYTES = 16;
constexpr size_t AUTH_KEY_BYTES = 20;
constexpr size_t GCM_SALT_BYTES = 12;
constexpr size_t CM_SALT_BYTES = 14;
constexpr size_t GCM_TAG_BYTES = 16;
constexpr size_t SHA1_TAG_BYTES = 10;
constexpr size_t MIN_HEADER_BYTES = 12;
constexpr size_t MAX_CONTEXTS = 32768;
constexpr int32_t MAX_GENERATION = 0x7fff;

inline size_t salt_bytes(Profile profile) { return profile == AEAD_AES_128_GCM ? GCM_SALT_BYTES : CM_SALT_BYTES; }
inline size_t tag_bytes(Profile profile) { return profile == AEAD_AES_128_GCM ? GCM_TAG_BYTES : SHA1_TAG_BYTES; }

struct Context {
  Profile profile = AEAD_AES_128_GCM;
  int32_t generation = 0;  // 0: closed.
  int32_t last_generation = 0;
  EVP_CIPHER_CTX* cipher = nullptr;
  uint8_t salt[CM_SALT_BYTES] = {};
  SHA_CTX inner = {};  // HMAC-SHA1 after the key (RFC 2104).
  SHA_CTX outer = {};
};

inline void put32(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 24);
  at[1] = static_cast<uint8_t>(value >> 16);
  at[2] = static_cast<uint8_t>(value >> 8);
  at[3] = static_cast<uint8_t>(value);
}

inline void xor_into(uint8_t* at, const uint8_t* with, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 1) at[i] ^= with[i];
}

// One packet; `out` begins with its header, which has its sequence number and SSRC already.
inline bool seal_gcm(Context* context, uint8_t* out, size_t header, const uint8_t* payload, size_t length,
                     uint32_t rollover) {
  uint8_t iv[12];
  memcpy(iv, context->salt, sizeof(iv));  // RFC 7714 section 8.1: 00 00, SSRC, rollover counter, sequence number.
  uint8_t count[4];
  put32(count, rollover);
  xor_into(iv + 2, out + 8, 4);
  xor_into(iv + 6, count, 4);
  xor_into(iv + 10, out + 2, 2);
  int done = 0;
  return EVP_EncryptInit_ex(context->cipher, nullptr, nullptr, nullptr, iv) == 1 &&
         EVP_EncryptUpdate(context->cipher, nullptr, &done, out, static_cast<int>(header)) == 1 &&
         (length == 0 ||
          EVP_EncryptUpdate(context->cipher, out + header, &done, payload, static_cast<int>(length)) == 1) &&
         EVP_EncryptFinal_ex(context->cipher, out + header + length, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(context->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, out + header + length) == 1;
}

inline bool seal_cm(Context* context, uint8_t* out, size_t header, const uint8_t* payload, size_t length,
                    uint32_t rollover) {
  uint8_t iv[16] = {};
  memcpy(iv, context->salt, CM_SALT_BYTES);  // RFC 3711 section 4.1.1.
  uint8_t count[4];
  put32(count, rollover);
  xor_into(iv + 4, out + 8, 4);
  xor_into(iv + 8, count, 4);
  xor_into(iv + 12, out + 2, 2);
  int done = 0;
  if (EVP_EncryptInit_ex(context->cipher, nullptr, nullptr, nullptr, iv) != 1) return false;
  if (length > 0 &&
      EVP_EncryptUpdate(context->cipher, out + header, &done, payload, static_cast<int>(length)) != 1) {
    return false;
  }
  uint8_t digest[SHA_DIGEST_LENGTH];
  SHA_CTX hash = context->inner;
  bool ok = SHA1_Update(&hash, out, header + length) == 1 && SHA1_Update(&hash, count, sizeof(count)) == 1 &&
            SHA1_Final(digest, &hash) == 1;
  hash = context->outer;
  ok = ok && SHA1_Update(&hash, digest, sizeof(digest)) == 1 && SHA1_Final(digest, &hash) == 1;
  memcpy(out + header + length, digest, SHA1_TAG_BYTES);
  return ok;
}

class Contexts {
 public:
  ~Contexts() {
    for (Context* context : all_) {
      if (context == nullptr) continue;
      wipe(context);
      delete context;
    }
  }

  // Returns the context's number, above 0, or -errno.
  int32_t open(Profile profile, const uint8_t* key, const uint8_t* salt, const uint8_t* auth_key) {
    size_t index;
    if (free_.empty()) {
      if (all_.size() == MAX_CONTEXTS) return -EMFILE;
      Context* added = new (std::nothrow) Context();
      if (added == nullptr) return -ENOMEM;
      all_.push_back(added);
      index = all_.size() - 1;
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Context* context = all_[index];
    context->profile = profile;
    context->cipher = EVP_CIPHER_CTX_new();
    const EVP_CIPHER* kind = profile == AEAD_AES_128_GCM ? EVP_aes_128_gcm() : EVP_aes_128_ctr();
    if (context->cipher == nullptr || EVP_EncryptInit_ex(context->cipher, kind, nullptr, key, nullptr) != 1 ||
        !key_hash(context, auth_key)) {
      wipe(context);
      free_.push_back(index);
      ERR_clear_error();
      return -EIO;
    }
    memcpy(context->salt, salt, salt_bytes(profile));
    context->last_generation = context->last_generation == MAX_GENERATION ? 1 : context->last_generation + 1;
    context->generation = context->last_generation;
    return context->generation << 16 | static_cast<int32_t>(index);
  }

  Context* find(int32_t number) {
    size_t index = static_cast<size_t>(number & 0xffff);
    if (number <= 0 || index >= all_.size() || all_[index]->generation != number >> 16) return nullptr;
    return all_[index];
  }

  void close(int32_t number) {
    Context* context = find(number);
    if (context == nullptr) return;
    wipe(context);
    free_.push_back(static_cast<size_t>(number & 0xffff));
  }

 private:
  static bool key_hash(Context* context, const uint8_t* auth_key) {
    uint8_t block[SHA_CBLOCK];
    memset(block, 0x36, sizeof(block));
    xor_into(block, auth_key, AUTH_KEY_BYTES);
    bool ok = SHA1_Init(&context->inner) == 1 && SHA1_Update(&context->inner, block, sizeof(block)) == 1;
    for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
    ok = ok && SHA1_Init(&context->outer) == 1 && SHA1_Update(&context->outer, block, sizeof(block)) == 1;
    OPENSSL_cleanse(block, sizeof(block));
    return ok;
  }

  // OpenSSL cleanses the key schedule it frees.
  static void wipe(Context* context) {
    EVP_CIPHER_CTX_free(context->cipher);
    context->cipher = nullptr;
    context->generation = 0;
    OPENSSL_cleanse(context->salt, sizeof(context->salt));
    OPENSSL_cleanse(&context->inner, sizeof(context->inner));
    OPENSSL_cleanse(&context->outer, sizeof(context->outer));
  }

  std::vector<Context*> all_;
  std::vector<size_t> free_;
};

// Protects the packet of `total` bytes at `out`, tag included, whose header is there and whose payload is elsewhere.
inline bool seal(Context* context, uint8_t* out, size_t header, const uint8_t* payload, size_t total,
                 uint32_t rollover) {
  size_t tag = tag_bytes(context->profile);
  if (header < MIN_HEADER_BYTES || header + tag > total) return false;
  size_t length = total - header - tag;
  bool ok = context->profile == AEAD_AES_128_GCM ? seal_gcm(context, out, header, payload, length, rollover)
                                                 : seal_cm(context, out, header, payload, length, rollover);
  // Node's own code must not find an old error of ours.
  if (!ok) ERR_clear_error();
  return ok;
}

}  // namespace srtp

#endif
