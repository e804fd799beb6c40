// DTLS 1.2 sessions on the OpenSSL that the Node executable exports. Sans-IO: bytes in, bytes out, no socket,
// no timer, no callback into JavaScript. All results go through three buffers that are made once:
//   wire  (bytes)  datagrams to send, one after the other
//   plain (bytes)  decrypted messages, one after the other
//   info  (int32)  [0] state, [1] messages, [2] datagrams, [3] ms to the next retransmission or -1,
//                  then MAX_PARTS lengths of messages, then MAX_PARTS lengths of datagrams
// Contexts and sessions are numbers, never pointers: a number that was closed is looked up and refused.
#include <node_api.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <new>
#include <unordered_map>

namespace {

constexpr size_t BUFFER_BYTES = 128 * 1024;
constexpr int MAX_PARTS = 32;
constexpr int INFO_LENGTH = 4 + 2 * MAX_PARTS;
constexpr size_t MAX_DATAGRAM = 65535;
constexpr size_t MAX_PLAIN = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr size_t MAX_PEER = 128;
// Handshake flights are cut to this, so that they pass every path that IPv6 promises with room to spare.
constexpr long HANDSHAKE_MTU = 1200;
constexpr size_t COOKIE_BYTES = 32;
// A cookie is good for one to two of these: a client answers within a round trip or sends a new ClientHello.
constexpr int64_t COOKIE_SECONDS = 60;

enum State : int32_t { HANDSHAKE = 0, OPEN = 1, CLOSED_BY_PEER = 2, FAILED = 3 };

struct Addon;

// The one datagram that OpenSSL may read, and where it writes to.
struct Pipe {
  Addon* addon = nullptr;
  const uint8_t* input = nullptr;
  size_t input_length = 0;
};

struct Session {
  SSL* ssl = nullptr;
  Pipe pipe;
  bool failed = false;
  ~Session() { SSL_free(ssl); }  // Frees the BIO too.
};

struct Context {
  SSL_CTX* ctx = nullptr;
  bool server = true;
  Session* spare = nullptr;  // Looks at ClientHellos of strangers; becomes a session when a cookie is right.
  ~Context() {
    delete spare;
    SSL_CTX_free(ctx);
  }
};

struct Addon {
  uint8_t* wire = nullptr;
  uint8_t* plain = nullptr;
  int32_t* info = nullptr;
  napi_ref refs[3] = {nullptr, nullptr, nullptr};
  size_t wire_used = 0;
  uint8_t secret[32];
  uint8_t peer[MAX_PEER];
  size_t peer_length = 0;
  BIO_METHOD* method = nullptr;
  uint32_t next_id = 1;
  std::unordered_map<uint32_t, Context*> contexts;
  std::unordered_map<uint32_t, Session*> sessions;
};

int addon_index = -1;  // Of SSL_CTX ex_data: the Addon, for the cookie callbacks.

// ---- BIO with datagram semantics -----------------------------------------------------------------------

int pipe_read(BIO* bio, char* out, int length) {
  Pipe* pipe = static_cast<Pipe*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (pipe->input == nullptr || length <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t take = pipe->input_length < static_cast<size_t>(length) ? pipe->input_length : length;
  memcpy(out, pipe->input, take);
  pipe->input = nullptr;  // What did not fit is gone, as with a socket.
  pipe->input_length = 0;
  return static_cast<int>(take);
}

int pipe_write(BIO* bio, const char* bytes, int length) {
  Addon* addon = static_cast<Pipe*>(BIO_get_data(bio))->addon;
  BIO_clear_retry_flags(bio);
  if (length <= 0) return 0;
  int32_t count = addon->info[2];
  // No room is a lost datagram; handshakes send theirs again.
  if (count < MAX_PARTS && addon->wire_used + static_cast<size_t>(length) <= BUFFER_BYTES) {
    memcpy(addon->wire + addon->wire_used, bytes, length);
    addon->wire_used += length;
    addon->info[4 + MAX_PARTS + count] = length;
    addon->info[2] = count + 1;
  }
  return length;
}

long pipe_ctrl(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_PENDING:
      return static_cast<long>(static_cast<Pipe*>(BIO_get_data(bio))->input_length);
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return HANDSHAKE_MTU;
    default:
      return 0;
  }
}

// ---- cookies -------------------------------------------------------------------------------------------

bool make_cookie(Addon* addon, int64_t period, uint8_t* out) {
  uint8_t text[sizeof(period) + MAX_PEER];
  memcpy(text, &period, sizeof(period));
  memcpy(text + sizeof(period), addon->peer, addon->peer_length);
  unsigned int length = 0;
  return HMAC(EVP_sha256(), addon->secret, sizeof(addon->secret), text, sizeof(period) + addon->peer_length, out,
              &length) != nullptr &&
         length == COOKIE_BYTES;
}

int64_t cookie_period() { return static_cast<int64_t>(time(nullptr)) / COOKIE_SECONDS; }

Addon* addon_of(SSL* ssl) {
  return static_cast<Addon*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), addon_index));
}

int generate_cookie(SSL* ssl, unsigned char* cookie, unsigned int* length) {
  if (!make_cookie(addon_of(ssl), cookie_period(), cookie)) return 0;
  *length = COOKIE_BYTES;
  return 1;
}

int verify_cookie(SSL* ssl, const unsigned char* cookie, unsigned int length) {
  if (length != COOKIE_BYTES) return 0;
  uint8_t wanted[EVP_MAX_MD_SIZE];
  for (int64_t age = 0; age < 2; age += 1) {
    if (make_cookie(addon_of(ssl), cookie_period() - age, wanted) &&
        CRYPTO_memcmp(cookie, wanted, COOKIE_BYTES) == 0) {
      return 1;
    }
  }
  return 0;
}

// ---- sessions ------------------------------------------------------------------------------------------

void reset_info(Addon* addon) {
  addon->wire_used = 0;
  addon->info[0] = FAILED;
  addon->info[1] = 0;
  addon->info[2] = 0;
  addon->info[3] = -1;
}

Session* new_session(Addon* addon, Context* context) {
  Session* session = new (std::nothrow) Session();
  if (session == nullptr) return nullptr;
  session->ssl = SSL_new(context->ctx);
  BIO* bio = BIO_new(addon->method);
  if (session->ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    delete session;
    return nullptr;
  }
  session->pipe.addon = addon;
  BIO_set_data(bio, &session->pipe);
  BIO_set_init(bio, 1);
  SSL_set_bio(session->ssl, bio, bio);
  SSL_set_options(session->ssl, SSL_OP_NO_QUERY_MTU);
  SSL_set_mtu(session->ssl, HANDSHAKE_MTU);
  if (context->server) SSL_set_accept_state(session->ssl);
  else SSL_set_connect_state(session->ssl);
  return session;
}

void report(Addon* addon, Session* session, int32_t closed) {
  if (closed != 0) {
    addon->info[0] = closed;
    return;
  }
  addon->info[0] = SSL_is_init_finished(session->ssl) ? OPEN : HANDSHAKE;
  struct timeval left;
  if (DTLSv1_get_timeout(session->ssl, &left)) {
    addon->info[3] = static_cast<int32_t>(left.tv_sec * 1000 + left.tv_usec / 1000);
  }
}

// Length of the whole, plausible records at the start of a datagram; what follows them is not shown to OpenSSL.
// OpenSSL ends a session for an encrypted record that has no room for nonce and tag, where RFC 6347 4.1.2.7 wants
// it dropped: whoever can forge a source address could end any session with 14 bytes.
size_t plausible(const uint8_t* bytes, size_t length) {
  constexpr size_t HEADER = 13;
  constexpr size_t NONCE_AND_TAG = 8 + 16;  // AES-GCM, the only kind of cipher that is negotiated.
  size_t at = 0;
  while (length - at > HEADER) {
    const uint8_t* record = bytes + at;
    size_t size = static_cast<size_t>(record[11]) << 8 | record[12];
    bool encrypted = record[3] != 0 || record[4] != 0;
    if (record[0] < SSL3_RT_CHANGE_CIPHER_SPEC || record[0] > SSL3_RT_APPLICATION_DATA || record[1] != DTLS1_VERSION_MAJOR ||
        size > length - at - HEADER || size > SSL3_RT_MAX_PLAIN_LENGTH + NONCE_AND_TAG ||
        size < (encrypted ? NONCE_AND_TAG : 1)) {
      break;
    }
    at += HEADER + size;
  }
  return at;
}

// Goes on with the handshake, and decrypts what is there.
void pump(Addon* addon, Session* session) {
  size_t used = 0;
  int32_t closed = 0;
  while (closed == 0 && addon->info[1] < MAX_PARTS && used + MAX_PLAIN <= BUFFER_BYTES) {
    ERR_clear_error();
    int length = SSL_read(session->ssl, addon->plain + used, static_cast<int>(MAX_PLAIN));
    if (length > 0) {
      addon->info[4 + addon->info[1]] = length;
      addon->info[1] += 1;
      used += static_cast<size_t>(length);
      continue;
    }
    int error = SSL_get_error(session->ssl, length);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
    if (error == SSL_ERROR_ZERO_RETURN) {
      closed = CLOSED_BY_PEER;
    } else {
      session->failed = true;  // OpenSSL forbids further calls, SSL_shutdown too.
      closed = FAILED;
    }
  }
  ERR_clear_error();
  report(addon, session, closed);
}

// ---- N-API ---------------------------------------------------------------------------------------------

Addon* arguments(napi_env env, napi_callback_info call, size_t wanted, napi_value* argv) {
  size_t count = wanted;
  void* data = nullptr;
  if (napi_get_cb_info(env, call, &count, argv, nullptr, nullptr) != napi_ok || count < wanted ||
      napi_get_instance_data(env, &data) != napi_ok || data == nullptr) {
    napi_throw_type_error(env, nullptr, "wrong arguments");
    return nullptr;
  }
  return static_cast<Addon*>(data);
}

bool bytes_of(napi_env env, napi_value value, const uint8_t** bytes, size_t* length, size_t limit) {
  void* data = nullptr;
  bool is_buffer = false;
  if (napi_is_buffer(env, value, &is_buffer) != napi_ok || !is_buffer ||
      napi_get_buffer_info(env, value, &data, length) != napi_ok || *length > limit) {
    napi_throw_type_error(env, nullptr, "not a buffer, or too long");
    return false;
  }
  static const uint8_t nothing = 0;
  *bytes = *length == 0 ? &nothing : static_cast<const uint8_t*>(data);
  return true;
}

template <typename Thing>
Thing* find(napi_env env, napi_value value, std::unordered_map<uint32_t, Thing*>& all) {
  uint32_t id = 0;
  if (napi_get_value_uint32(env, value, &id) != napi_ok) {
    napi_throw_type_error(env, nullptr, "not a number");
    return nullptr;
  }
  auto found = all.find(id);
  if (found == all.end()) {
    napi_throw_error(env, nullptr, "it is closed");
    return nullptr;
  }
  return found->second;
}

template <typename Thing>
uint32_t keep(Addon* addon, std::unordered_map<uint32_t, Thing*>& all, Thing* thing) {
  while (addon->next_id == 0 || all.count(addon->next_id) != 0) addon->next_id += 1;
  uint32_t id = addon->next_id++;
  all[id] = thing;
  return id;
}

napi_value number(napi_env env, uint32_t value) {
  napi_value result = nullptr;
  napi_create_uint32(env, value, &result);
  return result;
}

napi_value fail(napi_env env, const char* what) {
  unsigned long code = ERR_get_error();
  char text[256];
  if (code == 0) snprintf(text, sizeof(text), "%s", what);
  else snprintf(text, sizeof(text), "%s: %s", what, ERR_reason_error_string(code) ? ERR_reason_error_string(code) : "unknown");
  ERR_clear_error();
  napi_throw_error(env, nullptr, text);
  return nullptr;
}

int no_password(char*, int, int, void*) { return 0; }  // Never asks at a terminal.

const char* use_certificate(SSL_CTX* ctx, const uint8_t* cert, size_t cert_length, const uint8_t* key, size_t key_length) {
  BIO* bio = BIO_new_mem_buf(cert, static_cast<int>(cert_length));
  if (bio == nullptr) return "out of memory";
  X509* leaf = PEM_read_bio_X509(bio, nullptr, no_password, nullptr);
  const char* problem = leaf == nullptr ? "the certificate cannot be read" : nullptr;
  if (problem == nullptr && SSL_CTX_use_certificate(ctx, leaf) != 1) problem = "the certificate cannot be used";
  X509_free(leaf);
  while (problem == nullptr) {
    X509* issuer = PEM_read_bio_X509(bio, nullptr, no_password, nullptr);
    if (issuer == nullptr) break;
    if (SSL_CTX_add1_chain_cert(ctx, issuer) != 1) problem = "the certificate chain cannot be used";
    X509_free(issuer);
  }
  BIO_free(bio);
  if (problem != nullptr) return problem;
  ERR_clear_error();
  bio = BIO_new_mem_buf(key, static_cast<int>(key_length));
  if (bio == nullptr) return "out of memory";
  EVP_PKEY* pkey = PEM_read_bio_PrivateKey(bio, nullptr, no_password, nullptr);
  BIO_free(bio);
  if (pkey == nullptr) return "the private key cannot be read";
  int used = SSL_CTX_use_PrivateKey(ctx, pkey);
  EVP_PKEY_free(pkey);
  if (used != 1 || SSL_CTX_check_private_key(ctx) != 1) return "the private key does not fit the certificate";
  return nullptr;
}

// createContext(cert: Buffer, key: Buffer): id of a server's context; both empty: of a client's.
napi_value create_context(napi_env env, napi_callback_info call) {
  napi_value argv[2];
  Addon* addon = arguments(env, call, 2, argv);
  const uint8_t *cert, *key;
  size_t cert_length, key_length;
  if (addon == nullptr || !bytes_of(env, argv[0], &cert, &cert_length, 1 << 20) ||
      !bytes_of(env, argv[1], &key, &key_length, 1 << 20)) {
    return nullptr;
  }
  ERR_clear_error();
  bool server = cert_length > 0;
  SSL_CTX* ctx = SSL_CTX_new(server ? DTLS_server_method() : DTLS_client_method());
  if (ctx == nullptr) return fail(env, "no DTLS in this OpenSSL");
  SSL_CTX_set_ex_data(ctx, addon_index, addon);
  SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, nullptr);
  const char* problem = nullptr;
  if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM") != 1) problem = "no cipher suites";
  if (problem == nullptr && server) {
    SSL_CTX_set_cookie_generate_cb(ctx, generate_cookie);
    SSL_CTX_set_cookie_verify_cb(ctx, verify_cookie);
    problem = use_certificate(ctx, cert, cert_length, key, key_length);
  }
  Context* context = problem == nullptr ? new (std::nothrow) Context() : nullptr;
  if (context == nullptr) {
    SSL_CTX_free(ctx);
    return fail(env, problem == nullptr ? "out of memory" : problem);
  }
  context->ctx = ctx;
  context->server = server;
  return number(env, keep(addon, addon->contexts, context));
}

// Sessions of the context live on.
napi_value free_context(napi_env env, napi_callback_info call) {
  napi_value argv[1];
  Addon* addon = arguments(env, call, 1, argv);
  Context* context = addon == nullptr ? nullptr : find(env, argv[0], addon->contexts);
  if (context == nullptr) return nullptr;
  uint32_t id = 0;
  napi_get_value_uint32(env, argv[0], &id);
  addon->contexts.erase(id);
  delete context;
  return nullptr;
}

// listen(context, datagram, peer: Buffer): id of a session, or 0. `wire` may hold a HelloVerifyRequest.
napi_value listen(napi_env env, napi_callback_info call) {
  napi_value argv[3];
  Addon* addon = arguments(env, call, 3, argv);
  Context* context = addon == nullptr ? nullptr : find(env, argv[0], addon->contexts);
  const uint8_t *datagram, *peer;
  size_t length, peer_length;
  if (context == nullptr || !bytes_of(env, argv[1], &datagram, &length, MAX_DATAGRAM) ||
      !bytes_of(env, argv[2], &peer, &peer_length, MAX_PEER)) {
    return nullptr;
  }
  reset_info(addon);
  if (!context->server || length == 0) return number(env, 0);
  if (context->spare == nullptr) context->spare = new_session(addon, context);
  Session* session = context->spare;
  if (session == nullptr) return number(env, 0);
  memcpy(addon->peer, peer, peer_length);
  addon->peer_length = peer_length;
  session->pipe.input = datagram;
  session->pipe.input_length = length;
  BIO_ADDR* address = BIO_ADDR_new();
  int heard = address == nullptr ? -1 : DTLSv1_listen(session->ssl, address);
  BIO_ADDR_free(address);
  session->pipe.input = nullptr;
  session->pipe.input_length = 0;
  ERR_clear_error();
  if (heard < 0) {  // Its state is not known: the next stranger gets a new one.
    delete session;
    context->spare = nullptr;
  }
  if (heard <= 0) return number(env, 0);
  context->spare = nullptr;
  pump(addon, session);  // The cookie is looked at once more: the peer has to be known still.
  return number(env, keep(addon, addon->sessions, session));
}

// connect(context): id of a client's session; `wire` holds its ClientHello.
napi_value connect(napi_env env, napi_callback_info call) {
  napi_value argv[1];
  Addon* addon = arguments(env, call, 1, argv);
  Context* context = addon == nullptr ? nullptr : find(env, argv[0], addon->contexts);
  if (context == nullptr) return nullptr;
  reset_info(addon);
  Session* session = context->server ? nullptr : new_session(addon, context);
  if (session == nullptr) return fail(env, "cannot connect with this context");
  pump(addon, session);
  return number(env, keep(addon, addon->sessions, session));
}

// feed(session, datagram)
napi_value feed(napi_env env, napi_callback_info call) {
  napi_value argv[2];
  Addon* addon = arguments(env, call, 2, argv);
  Session* session = addon == nullptr ? nullptr : find(env, argv[0], addon->sessions);
  const uint8_t* datagram;
  size_t length;
  if (session == nullptr || !bytes_of(env, argv[1], &datagram, &length, MAX_DATAGRAM)) return nullptr;
  reset_info(addon);
  if (session->failed) return nullptr;
  length = plausible(datagram, length);
  if (length > 0) {
    session->pipe.input = datagram;
    session->pipe.input_length = length;
  }
  pump(addon, session);
  session->pipe.input = nullptr;  // The bytes belong to JavaScript.
  session->pipe.input_length = 0;
  return nullptr;
}

// write(session, message): one record; without effect before the handshake is over.
napi_value write(napi_env env, napi_callback_info call) {
  napi_value argv[2];
  Addon* addon = arguments(env, call, 2, argv);
  Session* session = addon == nullptr ? nullptr : find(env, argv[0], addon->sessions);
  const uint8_t* message;
  size_t length;
  if (session == nullptr || !bytes_of(env, argv[1], &message, &length, MAX_PLAIN)) return nullptr;
  reset_info(addon);
  if (session->failed) return nullptr;
  int32_t closed = 0;
  if (length > 0 && SSL_is_init_finished(session->ssl)) {
    ERR_clear_error();
    int written = SSL_write(session->ssl, message, static_cast<int>(length));
    if (written <= 0) {
      int error = SSL_get_error(session->ssl, written);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        session->failed = true;
        closed = FAILED;
      }
    }
    ERR_clear_error();
  }
  report(addon, session, closed);
  return nullptr;
}

// retransmit(session): sends the last flight again when its time has come.
napi_value retransmit(napi_env env, napi_callback_info call) {
  napi_value argv[1];
  Addon* addon = arguments(env, call, 1, argv);
  Session* session = addon == nullptr ? nullptr : find(env, argv[0], addon->sessions);
  if (session == nullptr) return nullptr;
  reset_info(addon);
  if (session->failed) return nullptr;
  ERR_clear_error();
  int handled = DTLSv1_handle_timeout(session->ssl);
  ERR_clear_error();
  if (handled < 0) session->failed = true;
  report(addon, session, handled < 0 ? FAILED : 0);
  return nullptr;
}

// close(session): `wire` holds its close_notify; the number is worth nothing afterwards.
napi_value close(napi_env env, napi_callback_info call) {
  napi_value argv[1];
  Addon* addon = arguments(env, call, 1, argv);
  Session* session = addon == nullptr ? nullptr : find(env, argv[0], addon->sessions);
  if (session == nullptr) return nullptr;
  uint32_t id = 0;
  napi_get_value_uint32(env, argv[0], &id);
  reset_info(addon);
  ERR_clear_error();
  if (!session->failed && SSL_is_init_finished(session->ssl)) SSL_shutdown(session->ssl);
  ERR_clear_error();
  addon->sessions.erase(id);
  delete session;
  return nullptr;
}

void destroy(napi_env, void* data, void*) {
  Addon* addon = static_cast<Addon*>(data);
  for (auto& entry : addon->sessions) delete entry.second;
  for (auto& entry : addon->contexts) delete entry.second;
  BIO_meth_free(addon->method);
  OPENSSL_cleanse(addon->secret, sizeof(addon->secret));
  delete addon;
}

bool make_buffer(napi_env env, napi_value exports, const char* name, size_t length, void** data, napi_ref* ref) {
  napi_value buffer;
  if (napi_create_buffer(env, length, data, &buffer) != napi_ok) return false;
  memset(*data, 0, length);
  // The reference keeps the memory for as long as the addon writes to it.
  return napi_create_reference(env, buffer, 1, ref) == napi_ok &&
         napi_set_named_property(env, exports, name, buffer) == napi_ok;
}

napi_value init(napi_env env, napi_value exports) {
  // Headers and executable have to be of one OpenSSL release line: its structures are its own business.
  if ((OpenSSL_version_num() >> 20) != (OPENSSL_VERSION_NUMBER >> 20)) {
    napi_throw_error(env, nullptr, "it was built for another OpenSSL than this Node has; build it again");
    return nullptr;
  }
  Addon* addon = new (std::nothrow) Addon();
  if (addon == nullptr) return nullptr;
  void *wire = nullptr, *plain = nullptr, *info = nullptr;
  if (addon_index < 0) addon_index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  addon->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "turnkeep datagram");
  if (addon_index < 0 || addon->method == nullptr || RAND_bytes(addon->secret, sizeof(addon->secret)) != 1 ||
      !make_buffer(env, exports, "wire", BUFFER_BYTES, &wire, &addon->refs[0]) ||
      !make_buffer(env, exports, "plain", BUFFER_BYTES, &plain, &addon->refs[1]) ||
      !make_buffer(env, exports, "info", INFO_LENGTH * sizeof(int32_t), &info, &addon->refs[2]) ||
      napi_set_instance_data(env, addon, destroy, nullptr) != napi_ok) {
    napi_throw_error(env, nullptr, "it cannot be set up");
    BIO_meth_free(addon->method);
    delete addon;
    return nullptr;
  }
  addon->wire = static_cast<uint8_t*>(wire);
  addon->plain = static_cast<uint8_t*>(plain);
  addon->info = static_cast<int32_t*>(info);
  BIO_meth_set_read(addon->method, pipe_read);
  BIO_meth_set_write(addon->method, pipe_write);
  BIO_meth_set_ctrl(addon->method, pipe_ctrl);
  const struct {
    const char* name;
    napi_callback call;
  } functions[] = {{"createContext", create_context}, {"freeContext", free_context}, {"listen", listen},
                   {"connect", connect},              {"feed", feed},                {"write", write},
                   {"retransmit", retransmit},        {"close", close}};
  for (const auto& one : functions) {
    napi_value function;
    if (napi_create_function(env, one.name, NAPI_AUTO_LENGTH, one.call, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, one.name, function) != napi_ok) {
      return nullptr;
    }
  }
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, init)
