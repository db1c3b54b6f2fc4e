local ok, text = pcall(function() process.inbox():receive() end)
local ok2, text2 = pcall(function() coroutine.wrap(function() channel.new():receive() end)() end)
return function() return { ok, text, ok2, text2 } end
