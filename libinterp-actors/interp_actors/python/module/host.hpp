#pragma once

#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/base/python_error.hpp"
#include "interp_actors/base/run_result.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace interp_actors::python {

/// What the module asks of the world outside of its interpreter: what CAF does for it.
/// Thread: any of the interpreter's, without its GIL. Nothing here waits.
/// Owner: the incarnation.
class host {
public:
  virtual ~host() = default;

  /// Ends of a channel, to be bound as globals.
  using bindings = std::vector<std::pair<std::string, held_end>>;

  /// What a call outside comes to. Rings its bell once it is done.
  struct outcome {
    std::shared_ptr<bell> done = std::make_shared<bell>();

    void finish(run_result found) {
      {
        std::lock_guard guard{mutex_};
        result_ = std::move(found);
      }
      done->ring();
    }
    std::optional<run_result> result() const {
      std::lock_guard guard{mutex_};
      return result_;
    }

  private:
    mutable std::mutex mutex_;
    std::optional<run_result> result_;
  };

  /// Another interpreter, which ends when the last one who holds this is gone.
  class interpreter {
  public:
    virtual ~interpreter() = default;

    /// Runs `code` there, with `ends` as globals. Ends that cannot be bound come back with the outcome's
    /// failure and belong to nobody then.
    virtual void run(std::string code, bindings ends, std::chrono::nanoseconds deadline,
                     std::shared_ptr<outcome> into) = 0;

    /// Interrupts what `run` started.
    virtual void cancel() = 0;

    /// Ends it, with time for what runs; `into` is finished once it has ended.
    virtual void close(std::shared_ptr<outcome> into) = 0;
  };

  virtual std::pair<sending_end, channel_lease> make_channel(channel_options options,
                                                             std::optional<buffer_format> element) = 0;

  /// Errors: std::runtime_error.
  virtual std::shared_ptr<interpreter> create(std::string name) = 0;
};

} // namespace interp_actors::python
