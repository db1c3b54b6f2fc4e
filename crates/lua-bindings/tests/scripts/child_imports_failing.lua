--@import lib=child_failing_library
return function() end
