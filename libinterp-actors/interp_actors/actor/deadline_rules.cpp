#include "interp_actors/actor/deadline_rules.hpp"

#include "interp_actors/actor/interface.hpp"
#include "interp_actors/message/types.hpp"

namespace interp_actors {

deadline_rules::deadline_rules(const spawn_options& options, const interface* type)
    : all_{options.deadline}, handlers_{options.handler_deadlines}, type_{type} {}

time_point deadline_rules::deadline_of(const caf::message& content) const {
  auto limit = all_;
  bool is_invocation = content.size() > 1 && content.match_element<invoke_atom>(0);
  if (type_ && !is_invocation) {
    // A timespan at the end may be an argument like others.
    if (!handlers_.empty() && !content.empty())
      if (auto own = handlers_.find(type_->handler_of(content.type_at(0))); own != handlers_.end())
        limit = own->second;
  } else if (content.size() > 1 && content.match_element<caf::timespan>(content.size() - 1))
    limit = content.get_as<caf::timespan>(content.size() - 1);
  else if (!handlers_.empty() && content.size() > 1 && (is_invocation || content.match_element<call_atom>(0))
           && content.match_element<std::string>(1))
    if (auto own = handlers_.find(content.get_as<std::string>(1)); own != handlers_.end())
      limit = own->second;
  return limit.count() == 0 ? no_deadline : time_after(limit);
}

} // namespace interp_actors
