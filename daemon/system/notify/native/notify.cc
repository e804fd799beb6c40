// One datagram to a unix socket: Node has no unix datagram sockets, and systemd accepts a notification with
// NotifyAccess=main from the service's own process only, never from a helper that it spawned.
//   send(path: string, message: string) -> 0, or the errno of what failed
// Without waiting; a path that begins with '@' is in the abstract namespace. One socket per call: it is called
// a few times a minute, and a socket that is never kept is never stale.
#include <node_api.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace {

constexpr size_t MAX_MESSAGE = 2048;

int deliver(const char* path, size_t path_length, const char* message, size_t message_length) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path_length == 0 || path_length >= sizeof(address.sun_path)) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path, path_length);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const socklen_t length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_length);
  const ssize_t sent = sendto(fd, message, message_length, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), length);
  const int error = sent < 0 ? errno : 0;
  close(fd);
  return error;
}

napi_value send(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  char path[sizeof(sockaddr_un::sun_path) + 1];
  char message[MAX_MESSAGE + 1];
  size_t path_length = 0, message_length = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 2 ||
      napi_get_value_string_utf8(env, arguments[0], path, sizeof(path), &path_length) != napi_ok ||
      napi_get_value_string_utf8(env, arguments[1], message, sizeof(message), &message_length) != napi_ok) {
    napi_throw_type_error(env, nullptr, "send(path, message) takes two strings");
    return nullptr;
  }
  napi_value result;
  if (napi_create_int32(env, deliver(path, path_length, message, message_length), &result) != napi_ok) return nullptr;
  return result;
}

napi_value init(napi_env env, napi_value exports) {
  napi_value function;
  if (napi_create_function(env, "send", NAPI_AUTO_LENGTH, send, nullptr, &function) != napi_ok ||
      napi_set_named_property(env, exports, "send", function) != napi_ok) {
    return nullptr;
  }
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, init)
