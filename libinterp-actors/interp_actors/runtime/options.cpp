#include "interp_actors/runtime/options.hpp"

#include "interp_actors/compat.hpp"
#include "interp_actors/net/transport.hpp"

#include <caf/deep_to_string.hpp>

#include <stdexcept>

namespace interp_actors {

config::config() {
  opt_group{custom_options_, "interp-actors"}
      .add(virtual_env_, "virtual-env", "root of a virtual environment for all interpreters")
      .add(sys_path_, "sys-path", "folders in front of sys.path")
      .add(isolated_, "isolated",
           "whether PYTHON* variables and user site-packages are ignored: true or false (true)")
      .add(interpreters_.grace, "grace",
           "time that interrupted code has to end before it is given up (500ms)")
      .add(interpreters_.shutdown_timeout, "shutdown-timeout",
           "time that a running handler has at a stop (5s)")
      .add(interpreters_.call_timeout, "call-timeout",
           "how long Python code waits for another actor's answer (5s)")
      .add(interpreters_.teardown_timeout, "teardown-timeout",
           "time for threads that Python code left behind (2s)")
      .add(interpreters_.linger_timeout, "linger-timeout",
           "time that an ended interpreter keeps bytes for others (30s)")
      .add(interpreters_.pin_threshold, "pin-threshold-bytes",
           "Python bytes from this size on travel uncopied (4096)")
      .add(network.nodes, "nodes", "nodes to run interpreters on: [\"HOST:PORT\"]")
      .add(network.node_timeout, "node-timeout", "a node without a sign of life for that long is lost (5s)")
      .add(network.message_bytes, "node-message-bytes",
           "arguments and results of more bytes are not exchanged with nodes (4294967296)")
      .add(network.certificates.certificate, "certificate",
           "certificate of this process for nodes (PEM file)")
      .add(network.certificates.key, "key", "the certificate's private key (PEM file)")
      .add(network.certificates.ca, "ca", "certificate of the authority that all nodes trust (PEM file)");
  add_network_options(*this);
}

runtime_options config::runtime() const {
  runtime_options result;
  auto check = [](const char* key, caf::timespan value) {
    if (value.count() <= 0)
      throw std::invalid_argument(std::string{"interp-actors."} + key + ": " + caf::deep_to_string(value)
                                  + " is not a time to wait; give a positive one, such as 500ms");
  };
  check("grace", interpreters_.grace);
  check("shutdown-timeout", interpreters_.shutdown_timeout);
  check("call-timeout", interpreters_.call_timeout);
  check("teardown-timeout", interpreters_.teardown_timeout);
  check("linger-timeout", interpreters_.linger_timeout);
  check("node-timeout", network.node_timeout);
  if (isolated_ != "true" && isolated_ != "false")
    throw std::invalid_argument("interp-actors.isolated: '" + isolated_ + "' is neither true nor false");
  result.python.virtual_env = virtual_env_;
  result.python.sys_path = sys_path_;
  result.python.isolated = isolated_ == "true";
  result.python.argv = compat::remainder(*this);
  result.python.argv.insert(result.python.argv.begin(), compat::program_name(*this));
  result.interpreters = interpreters_;
  result.network = network;
  result.dead_letters = dead_letters;
  result.deaths = deaths;
  return result;
}

void config::load_network() {
  if (network.is_wanted())
    interp_actors::load_network(*this, network.node_timeout);
}

} // namespace interp_actors
