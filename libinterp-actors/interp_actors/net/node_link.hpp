#pragma once

#include "interp_actors/base/bell.hpp"
#include "interp_actors/net/node_session.hpp"
#include "interp_actors/net/options.hpp"
#include "interp_actors/net/transport.hpp"

#include <caf/actor_system.hpp>
#include <caf/expected.hpp>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace interp_actors {

/// A controller's way to one node: connects, again and again, and watches the session.
///
/// Its thread waits for nothing that nobody can end: `close` ends every wait but that for a name server.
/// Thread: any; `run` its own. What CAF's thread brings (`receive`) is kept for it, or goes to the session.
/// Owner: the hub. Death: with `close` the session is lost for its guests.
class node_link : public std::enable_shared_from_this<node_link> {
public:
  /// `tls` is null for none. With `is_asked_for` somebody waits for the first try, and is told of it. `on_change` is called where slots are free, or are no more; it must not wait.
  node_link(caf::actor_system& system, endpoint where, const network_options& options,
            std::shared_ptr<const tls_context> tls, std::string controller, bool is_asked_for,
            std::function<void()> on_change);
  node_link(const node_link&) = delete;
  node_link& operator=(const node_link&) = delete;
  ~node_link();

  const std::string& name() const noexcept { return name_; }

  /// Begins to connect.
  void open();
  /// Ends it, and waits for that. Later calls do nothing, and wait, too.
  void close();

  /// Waits for the end of the first try; returns why it was in vain, an error without a code where it was not, or it is
  /// connected since.
  caf::error wait_connected();

  /// The session; null while there is none.
  std::shared_ptr<node_session> session() const;

  /// Why there is none, for people.
  std::string state() const;

private:
  /// A request to another process that is under way, and its answer.
  struct question {
    caf::message_id id;
    std::optional<caf::message> answer;
  };

  void run();
  caf::error connect();
  caf::error try_to_connect(time_point until, bool& is_to_be_repeated);
  void leave();
  void watch(node_session& session);
  void receive(const connection& by, caf::mailbox_element_ptr element);
  std::optional<caf::message> wait_for_answer(time_point until);
  void ask(const caf::strong_actor_ptr& whom, caf::message what);
  void note(caf::error problem);
  bool closing() const;

  caf::actor_system& system_;
  const endpoint where_;
  const std::string name_;
  const network_options options_;
  const std::shared_ptr<const tls_context> tls_;
  const std::string controller_;
  const bool is_asked_for_;
  const std::function<void()> on_change_;
  wait_canceller canceller_;
  bell wake_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::optional<caf::error> first_;
  caf::error problem_;
  std::uint64_t last_request_ = 0;
  question asked_;
  caf::strong_actor_ptr front_;
  std::shared_ptr<connection> way_;
  std::shared_ptr<node_session> session_;

  std::mutex thread_mutex_; // held while it is started and joined; it waits for neither
  std::thread thread_;
};

} // namespace interp_actors
