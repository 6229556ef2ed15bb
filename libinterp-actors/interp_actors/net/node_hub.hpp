#pragma once

#include "interp_actors/base/bell.hpp"
#include "interp_actors/net/ambassador.hpp"
#include "interp_actors/net/node_link.hpp"
#include "interp_actors/net/options.hpp"
#include "interp_actors/supervision/node_directory.hpp"

#include <caf/expected.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace interp_actors {

class remote_incarnation;

/// All nodes of a controller, and what runs on them.
/// Thread: any.
/// Owner: the roster; a shared pointer in any case, for what CAF's thread may still bring. Death: `close`, which the runtime's stop
/// calls after all trees have ended, ends the links and waits for the threads of incarnations.
class node_hub final : public node_directory, public std::enable_shared_from_this<node_hub> {
public:
  node_hub(caf::actor_system& system, network_options options);
  ~node_hub() override;

  /// Begins to connect to the nodes of the options.
  /// Errors: std::runtime_error for certificates that cannot be used, and nodes that are none.
  void open();
  void close();

  const network_options& options() const noexcept { return options_; }

  /// Connects to a node and waits for the first try; one that is new and cannot be connected to is forgotten.
  /// Errors: `errc::refused`, `errc::node_lost`, `errc::stopped`.
  caf::expected<std::shared_ptr<node_link>> connect(const std::string& node);

  std::vector<std::shared_ptr<node_link>> links() const;

  std::unique_ptr<child_process> make_child(const std::shared_ptr<roster>& home,
                                            std::shared_ptr<const remote_child_parts> parts,
                                            const std::string& name,
                                            std::shared_ptr<child_events> events) override;

  // -- for incarnations

  /// A slot on a node, or null where none is free now.
  /// Errors: `errc::no_node` where there can be none.
  caf::expected<std::shared_ptr<node_session>> take_slot(const placement& where);

  /// Rings `wake` at each change until it is gone.
  void watch(const std::shared_ptr<bell>& wake);

  /// All nodes with their state, for people.
  std::string describe_nodes() const;

  /// For handles in arguments and results.
  embassy& lending() noexcept { return lending_; }

  std::uint64_t next_number() noexcept { return last_number_.fetch_add(1) + 1; }

  /// Keeps an incarnation whose thread is about to start, and joins those that have ended. Returns false once closed.
  bool adopt(std::shared_ptr<remote_incarnation> incarnation);
  void ended(const remote_incarnation& incarnation);

private:
  void changed();
  /// Begins to connect to a node that is new, and returns whether it is.
  caf::expected<std::pair<std::shared_ptr<node_link>, bool>> add(const std::string& node, bool is_asked_for);

  caf::actor_system& system_;
  const network_options options_;
  const std::string controller_;
  std::atomic<std::uint64_t> last_number_{0};
  embassy lending_;

  mutable std::mutex mutex_;
  bool closed_ = false;
  std::shared_ptr<const tls_context> tls_; // null for none
  std::map<std::string, std::shared_ptr<node_link>> links_;
  std::vector<std::weak_ptr<bell>> waiting_;
  std::size_t turn_ = 0;
  std::set<std::shared_ptr<remote_incarnation>> live_;
  std::vector<std::shared_ptr<remote_incarnation>> finished_;
};

} // namespace interp_actors
