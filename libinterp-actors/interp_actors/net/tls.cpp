#include "interp_actors/net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <system_error>

namespace interp_actors {

namespace {

/// What OpenSSL has to say, in its own words; empties its list.
std::string openssl_words() {
  std::string result;
  while (auto code = ::ERR_get_error()) {
    if (ERR_SYSTEM_ERROR(code)) { // what follows only says that there was one
      result = std::generic_category().message(ERR_GET_REASON(code));
      ::ERR_clear_error();
      break;
    }
    auto* reason = ::ERR_reason_error_string(code);
    std::array<char, 256> text{};
    if (!reason) {
      ::ERR_error_string_n(code, text.data(), text.size());
      reason = text.data();
    }
    result.append(result.empty() ? "" : ", ").append(reason);
  }
  return result.empty() ? "no reason was given" : result;
}

[[noreturn]] void refuse(const std::string& what, const std::string& file) {
  throw std::runtime_error(what + " '" + file + "' cannot be used: " + openssl_words());
}

} // namespace

struct tls_context::data {
  data() : context{::SSL_CTX_new(::TLS_method()), &::SSL_CTX_free} {}
  std::unique_ptr<::SSL_CTX, decltype(&::SSL_CTX_free)> context;
};

tls_context::tls_context(const certificate_files& files) : data_{std::make_unique<data>()} {
  for (auto& [what, file] :
       {std::pair{"certificate", &files.certificate}, {"key", &files.key}, {"ca", &files.ca}})
    if (file->empty())
      throw std::runtime_error(std::string{"certificate, key and ca belong together, and the "} + what
                               + " is missing");
  auto* context = data_->context.get();
  ::ERR_clear_error();
  if (!context)
    throw std::runtime_error("TLS cannot be used: " + openssl_words());
  ::SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  ::SSL_CTX_set_num_tickets(context, 0);
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_default_passwd_cb(context,
                                  [](char*, int, int, void*) { return -1; }); // nobody is there to ask
  if (::SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    refuse("the certificate", files.certificate);
  if (::SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    refuse("the key", files.key);
  if (::SSL_CTX_check_private_key(context) != 1)
    refuse("the key", files.key);
  if (::SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) != 1)
    refuse("the ca", files.ca);
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // The others would refuse it, one by one.
  std::unique_ptr<::X509_STORE_CTX, decltype(&::X509_STORE_CTX_free)> check{::X509_STORE_CTX_new(),
                                                                            &::X509_STORE_CTX_free};
  STACK_OF(X509)* chain = nullptr;
  ::SSL_CTX_get0_chain_certs(context, &chain);
  if (!check
      || ::X509_STORE_CTX_init(check.get(), ::SSL_CTX_get_cert_store(context),
                               ::SSL_CTX_get0_certificate(context), chain)
             != 1)
    refuse("the certificate", files.certificate);
  if (::X509_verify_cert(check.get()) != 1)
    throw std::runtime_error("the certificate '" + files.certificate + "' is none that the ca '" + files.ca
                             + "' stands for: "
                             + ::X509_verify_cert_error_string(::X509_STORE_CTX_get_error(check.get())));
}

tls_context::~tls_context() = default;

struct tls_session::data {
  explicit data(::SSL_CTX* context) : ssl{::SSL_new(context), &::SSL_free} {}
  std::unique_ptr<::SSL, decltype(&::SSL_free)> ssl;
};

tls_session::tls_session(std::shared_ptr<const tls_context> context, int fd, bool is_server)
    : context_{std::move(context)}, data_{std::make_unique<data>(context_->data_->context.get())} {
  auto* ssl = data_->ssl.get();
  if (!ssl || ::SSL_set_fd(ssl, fd) != 1)
    throw std::bad_alloc();
  if (is_server)
    ::SSL_set_accept_state(ssl);
  else
    ::SSL_set_connect_state(ssl);
}

tls_session::~tls_session() = default;

tls_session::result tls_session::explain(int status) {
  auto* ssl = data_->ssl.get();
  auto what = ::SSL_get_error(ssl, status);
  switch (what) {
  case SSL_ERROR_WANT_READ:
    return result::want_read;
  case SSL_ERROR_WANT_WRITE:
    return result::again;
  case SSL_ERROR_ZERO_RETURN:
    problem_ = "it closed the connection";
    return result::failed;
  default:
    break;
  }
  auto verdict = ::SSL_get_verify_result(ssl);
  auto code = ::ERR_peek_error();
  auto reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  if (what == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    problem_ = std::string{"it closed the connection without a word"}
               + (established_ ? "" : "; perhaps it does not speak TLS 1.3");
  else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK)
    problem_ = std::string{"its certificate is refused: "} + ::X509_verify_cert_error_string(verdict);
  else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
    problem_ = "it shows no certificate";
  else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST
           || reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_UNSUPPORTED_PROTOCOL
           || reason == SSL_R_BAD_PACKET_LENGTH)
    problem_ = "it does not speak TLS 1.3";
  else if (reason > SSL_AD_REASON_OFFSET)
    problem_ = "it refuses this process: " + std::string{::ERR_reason_error_string(code)};
  else
    problem_ = openssl_words();
  ::ERR_clear_error();
  return result::failed;
}

tls_session::result tls_session::handshake() {
  ::ERR_clear_error();
  auto status = ::SSL_do_handshake(data_->ssl.get());
  if (status != 1)
    return explain(status);
  established_ = true;
  return result::done;
}

tls_session::result tls_session::read(void* bytes, std::size_t size, std::size_t& count) {
  ::ERR_clear_error();
  auto status = ::SSL_read_ex(data_->ssl.get(), bytes, size, &count);
  return status == 1 ? result::done : explain(status);
}

tls_session::result tls_session::write(const void* bytes, std::size_t size, std::size_t& count) {
  ::ERR_clear_error();
  auto status = ::SSL_write_ex(data_->ssl.get(), bytes, size, &count);
  return status == 1 ? result::done : explain(status);
}

std::size_t tls_session::pending() const noexcept {
  return static_cast<std::size_t>(::SSL_pending(data_->ssl.get()));
}

} // namespace interp_actors
