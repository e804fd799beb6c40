// SRTP protection of packets in memory: AEAD_AES_128_GCM (RFC 7714) and AES_CM_128_HMAC_SHA1_80 (RFC 3711), on the
// OpenSSL that the Node executable exports. A context is the session keys of RTP or of RTCP in one direction with the
// cipher's key schedule, made once; a packet allocates nothing. Contexts are numbers with a generation: a number that was closed is refused.
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
constexpr size_t RTCP_CLEAR_BYTES = 8;  // First header and the sender's SSRC (RFC 3711 section 3.4).
constexpr size_t RTCP_INDEX_BYTES = 4;
constexpr uint32_t RTCP_ENCRYPTED = 0x80000000;
constexpr size_t MAX_CONTEXTS = 65536;
constexpr int32_t MAX_GENERATION = 0x7fff;

inline size_t salt_bytes(Profile profile) { return profile == AEAD_AES_128_GCM ? GCM_SALT_BYTES : CM_SALT_BYTES; }
inline size_t tag_bytes(Profile profile) { return profile == AEAD_AES_128_GCM ? GCM_TAG_BYTES : SHA1_TAG_BYTES; }

struct Context {
  Profile profile = AEAD_AES_128_GCM;
  int32_t generation = 0;  // 0: closed.
  int32_t last_generation = 0;
  bool opens = false;
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

inline uint32_t get32(const uint8_t* at) {
  return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 | static_cast<uint32_t>(at[2]) << 8 |
         at[3];
}

// HMAC-SHA1 of one or two pieces, cut to the tag.
inline bool tag_of(const Context* context, const uint8_t* bytes, size_t length, const uint8_t* more, size_t extra,
                   uint8_t* tag) {
  uint8_t digest[SHA_DIGEST_LENGTH];
  SHA_CTX hash = context->inner;
  bool ok = SHA1_Update(&hash, bytes, length) == 1 && (extra == 0 || SHA1_Update(&hash, more, extra) == 1) &&
            SHA1_Final(digest, &hash) == 1;
  hash = context->outer;
  ok = ok && SHA1_Update(&hash, digest, sizeof(digest)) == 1 && SHA1_Final(digest, &hash) == 1;
  memcpy(tag, digest, SHA1_TAG_BYTES);
  return ok;
}

// Both directions of AES-CM, in place or not; the stream is the same.
inline bool crypt_cm(Context* context, const uint8_t* iv, uint8_t* out, const uint8_t* in, size_t length) {
  int done = 0;
  return EVP_CipherInit_ex(context->cipher, nullptr, nullptr, nullptr, iv, -1) == 1 &&
         (length == 0 || EVP_CipherUpdate(context->cipher, out, &done, in, static_cast<int>(length)) == 1);
}

// Decrypts in place. Associated data in two pieces.
inline bool open_gcm(Context* context, const uint8_t* iv, const uint8_t* clear, size_t clear_bytes, const uint8_t* more,
                     size_t more_bytes, uint8_t* bytes, size_t length, uint8_t* tag) {
  int done = 0;
  uint8_t none[EVP_MAX_BLOCK_LENGTH];
  return EVP_DecryptInit_ex(context->cipher, nullptr, nullptr, nullptr, iv) == 1 &&
         EVP_CIPHER_CTX_ctrl(context->cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES, tag) == 1 &&
         EVP_DecryptUpdate(context->cipher, nullptr, &done, clear, static_cast<int>(clear_bytes)) == 1 &&
         (more_bytes == 0 ||
          EVP_DecryptUpdate(context->cipher, nullptr, &done, more, static_cast<int>(more_bytes)) == 1) &&
         (length == 0 || EVP_DecryptUpdate(context->cipher, bytes, &done, bytes, static_cast<int>(length)) == 1) &&
         EVP_DecryptFinal_ex(context->cipher, none, &done) == 1;
}

inline void rtp_iv(const Context* context, const uint8_t* packet, uint32_t rollover, uint8_t* iv) {
  uint8_t count[4];
  put32(count, rollover);
  size_t at = context->profile == AEAD_AES_128_GCM ? 2 : 4;
  memset(iv, 0, 16);
  memcpy(iv, context->salt, salt_bytes(context->profile));
  xor_into(iv + at, packet + 8, 4);
  xor_into(iv + at + 4, count, 4);
  xor_into(iv + at + 8, packet + 2, 2);
}

// RFC 7714 section 9.1 and RFC 3711 section 4.1.1.
inline void rtcp_iv(const Context* context, const uint8_t* packet, uint32_t index, uint8_t* iv) {
  uint8_t count[4];
  put32(count, index);
  bool gcm = context->profile == AEAD_AES_128_GCM;
  memset(iv, 0, 16);
  memcpy(iv, context->salt, salt_bytes(context->profile));
  xor_into(iv + (gcm ? 2 : 4), packet + 4, 4);
  xor_into(iv + (gcm ? 8 : 10), count, 4);
}

// One packet; `out` begins with its header, which has its sequence number and SSRC already.
inline bool seal_gcm(Context* context, const uint8_t* iv, uint8_t* out, size_t header, const uint8_t* payload,
                     size_t length) {
  int done = 0;
  return EVP_EncryptInit_ex(context->cipher, nullptr, nullptr, nullptr, iv) == 1 &&
         EVP_EncryptUpdate(context->cipher, nullptr, &done, out, static_cast<int>(header)) == 1 &&
         (length == 0 ||
          EVP_EncryptUpdate(context->cipher, out + header, &done, payload, static_cast<int>(length)) == 1) &&
         EVP_EncryptFinal_ex(context->cipher, out + header + length, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(context->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, out + header + length) == 1;
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
  int32_t open(Profile profile, const uint8_t* key, const uint8_t* salt, const uint8_t* auth_key,
               bool opens) {
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
    context->opens = opens;
    context->cipher = EVP_CIPHER_CTX_new();
    const EVP_CIPHER* kind = profile == AEAD_AES_128_GCM ? EVP_aes_128_gcm() : EVP_aes_128_ctr();
    if (context->cipher == nullptr || EVP_CipherInit_ex(context->cipher, kind, nullptr, key, nullptr, opens ? 0 : 1) != 1 ||
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
  if (context->opens || header < MIN_HEADER_BYTES || header + tag > total) return false;
  size_t length = total - header - tag;
  uint8_t iv[16];
  rtp_iv(context, out, rollover, iv);
  bool ok;
  if (context->profile == AEAD_AES_128_GCM) {
    ok = seal_gcm(context, iv, out, header, payload, length);
  } else {
    uint8_t count[4];
    put32(count, rollover);
    ok = crypt_cm(context, iv, out + header, payload, length) &&
         tag_of(context, out, header + length, count, sizeof(count), out + header + length);
  }
  // Node's own code must not find an old error of ours.
  if (!ok) ERR_clear_error();
  return ok;
}

// Opens an RTP packet in place. False: not authentic, and what was payload is garbage now.
inline bool open(Context* context, uint8_t* packet, size_t header, size_t total, uint32_t rollover) {
  size_t tag = tag_bytes(context->profile);
  if (!context->opens || header < MIN_HEADER_BYTES || header + tag > total) return false;
  size_t length = total - header - tag;
  uint8_t iv[16];
  rtp_iv(context, packet, rollover, iv);
  bool ok;
  if (context->profile == AEAD_AES_128_GCM) {
    ok = open_gcm(context, iv, packet, header, nullptr, 0, packet + header, length, packet + header + length);
  } else {
    uint8_t count[4];
    uint8_t expected[SHA1_TAG_BYTES];
    put32(count, rollover);
    ok = tag_of(context, packet, header + length, count, sizeof(count), expected) &&
         CRYPTO_memcmp(expected, packet + header + length, SHA1_TAG_BYTES) == 0 &&
         crypt_cm(context, iv, packet + header, packet + header, length);
  }
  if (!ok) ERR_clear_error();
  return ok;
}

// Protects the compound packet of `length` bytes at `packet`, behind which there is room for tag and index word.
inline bool seal_rtcp(Context* context, uint8_t* packet, size_t length, uint32_t index) {
  if (context->opens || length < RTCP_CLEAR_BYTES) return false;
  uint8_t iv[16];
  rtcp_iv(context, packet, index, iv);
  uint8_t* rest = packet + RTCP_CLEAR_BYTES;
  int bytes = static_cast<int>(length - RTCP_CLEAR_BYTES);
  int done = 0;
  bool ok;
  if (context->profile == AEAD_AES_128_GCM) {
    uint8_t* word = packet + length + GCM_TAG_BYTES;
    put32(word, RTCP_ENCRYPTED | index);
    ok = EVP_EncryptInit_ex(context->cipher, nullptr, nullptr, nullptr, iv) == 1 &&
         EVP_EncryptUpdate(context->cipher, nullptr, &done, packet, RTCP_CLEAR_BYTES) == 1 &&
         EVP_EncryptUpdate(context->cipher, nullptr, &done, word, RTCP_INDEX_BYTES) == 1 &&
         (bytes == 0 || EVP_EncryptUpdate(context->cipher, rest, &done, rest, bytes) == 1) &&
         EVP_EncryptFinal_ex(context->cipher, packet + length, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(context->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, packet + length) == 1;
  } else {
    put32(packet + length, RTCP_ENCRYPTED | index);
    ok = crypt_cm(context, iv, rest, rest, length - RTCP_CLEAR_BYTES) &&
         tag_of(context, packet, length + RTCP_INDEX_BYTES, nullptr, 0, packet + length + RTCP_INDEX_BYTES);
  }
  if (!ok) ERR_clear_error();
  return ok;
}

// Opens a compound packet in place. Returns its length, or -1 when it is not authentic.
inline int32_t open_rtcp(Context* context, uint8_t* packet, size_t total) {
  if (!context->opens || total < RTCP_CLEAR_BYTES + tag_bytes(context->profile) + RTCP_INDEX_BYTES) return -1;
  bool gcm = context->profile == AEAD_AES_128_GCM;
  size_t length = total - tag_bytes(context->profile) - RTCP_INDEX_BYTES;
  uint8_t* word = gcm ? packet + total - RTCP_INDEX_BYTES : packet + length;
  uint32_t index = get32(word);
  bool encrypted = (index & RTCP_ENCRYPTED) != 0;
  // RFC 7714 section 9.3: without the E flag the whole packet is associated data.
  size_t clear = encrypted ? RTCP_CLEAR_BYTES : length;
  uint8_t iv[16];
  rtcp_iv(context, packet, index & ~RTCP_ENCRYPTED, iv);
  bool ok;
  if (gcm) {
    ok = open_gcm(context, iv, packet, clear, word, RTCP_INDEX_BYTES, packet + clear, length - clear, packet + length);
  } else {
    uint8_t expected[SHA1_TAG_BYTES];
    ok = tag_of(context, packet, length + RTCP_INDEX_BYTES, nullptr, 0, expected) &&
         CRYPTO_memcmp(expected, packet + total - SHA1_TAG_BYTES, SHA1_TAG_BYTES) == 0 &&
         crypt_cm(context, iv, packet + clear, packet + clear, length - clear);
  }
  if (!ok) ERR_clear_error();
  return ok ? static_cast<int32_t>(length) : -1;
}

}  // namespace srtp

#endif
